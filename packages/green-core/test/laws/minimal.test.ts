/** The laws of `waitFd`, on a handler such as a user writes for a test: it looks, turn after turn, at a map in memory. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import { WaitFd } from "green-core"
import { type Endpoint, turnsOfTheLoop, waitFdLaws } from "green-core/testing"

interface Descriptor {
  unread: number
  full: boolean
}

const world = new Map<number, Descriptor>()

const polling = Layer.sync(WaitFd, () =>
  WaitFd.fromClause(({ fd, interest }, resume) => {
    const look = () => {
      const readable = interest !== "write" && (world.get(fd)?.unread ?? 0) > 0
      const writable = interest !== "read" && world.get(fd)?.full === false
      if (readable || writable) resume(Exit.succeed({ readable, writable, hangup: false, error: false }))
      else next = setImmediate(look)
    }
    let next: NodeJS.Immediate | undefined
    look()
    return () => clearImmediate(next)
  })
)

const endpoint: Effect.Effect<Endpoint<never>> = Effect.sync(() => {
  const fd = world.size
  const descriptor: Descriptor = { unread: 0, full: false }
  world.set(fd, descriptor)
  return {
    fd,
    makeReadable: Effect.sync(() => void descriptor.unread++),
    readAll: Effect.sync(() => {
      const count = descriptor.unread
      descriptor.unread = 0
      return count
    }),
    makeUnwritable: Effect.sync(() => void (descriptor.full = true)),
    makeWritable: Effect.sync(() => void (descriptor.full = false)),
    hangUp: Effect.void,
    close: Effect.sync(() => void (descriptor.full = true))
  }
})

const laws = waitFdLaws({
  name: "polling",
  run: (program) => Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(polling))),
  settle: turnsOfTheLoop,
  fixtures: { endpoint },
  capabilities: []
})

describe("waitFd on a handler of ten lines", () => {
  for (const law of laws) it.skipIf(law.skipped !== undefined)(law.name, law.run)

  it("a law that needs more than the handler claims is skipped, says so, and holds of itself", async () => {
    const skipped = laws.filter((law) => law.skipped !== undefined)
    assert.include(
      skipped.map((law) => law.skipped),
      'the handler "polling" does not claim "hangup"'
    )
    for (const law of skipped) await law.run()
  })

  it("a law that does not hold rejects with what was found", async () => {
    const deaf = waitFdLaws({
      name: "deaf",
      run: (program) =>
        Effect.runPromise(
          program.pipe(
            Effect.scoped,
            Effect.provideService(
              WaitFd,
              WaitFd.fromEffect(() => Effect.never)
            )
          )
        ),
      settle: turnsOfTheLoop,
      fixtures: { endpoint },
      capabilities: []
    })
    const outcomes = await Promise.allSettled(deaf.slice(0, 1).map((law) => law.run()))
    assert.deepStrictEqual(
      outcomes.map((outcome) => outcome.status),
      ["rejected"]
    )
  })
})
