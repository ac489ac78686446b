/** The laws of `waitFd`, on a handler such as a user writes for a test: it looks, turn after turn, at a map in memory. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import { type Fd, Handler, WaitFd } from "green-core"
import type { WaitFdClause } from "green-core/WaitFdHandler"
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
})

const ready: Fd.Readiness = { readable: true, writable: true, hangup: false, error: false }

/** Handlers with one flaw each, and the law that finds it. */
const flaws: ReadonlyArray<readonly [flaw: string, law: string, handler: WaitFdClause]> = [
  [
    "does not wait",
    "2. a waiter wakes when its descriptor becomes readable",
    (_request, resume) => {
      resume(Exit.succeed({ ...ready, writable: false }))
      return Handler.nothingToWithdraw
    }
  ],
  ["hears nothing", "1. what is ready is ready at once", () => Handler.nothingToWithdraw],
  [
    "tells more than was asked",
    "1. what is ready is ready at once",
    (_request, resume) => {
      resume(Exit.succeed(ready))
      return Handler.nothingToWithdraw
    }
  ],
  [
    "wakes the last first",
    "16. on one descriptor and direction, the order of wake-ups",
    ({ fd }, resume) => {
      const waiters = stacks.get(fd) ?? []
      stacks.set(fd, waiters)
      waiters.push(resume)
      const look = () => {
        if ((world.get(fd)?.unread ?? 0) === 0) setImmediate(look)
        else waiters.pop()?.(Exit.succeed({ ...ready, writable: false }))
      }
      look()
      return Handler.nothingToWithdraw
    }
  ]
]

const stacks = new Map<number, Array<Parameters<WaitFdClause>[1]>>()

describe("a law finds a handler that", () => {
  for (const [flaw, name, clause] of flaws) {
    it(flaw, async () => {
      const broken = waitFdLaws({
        name: flaw,
        run: (program) =>
          Effect.runPromise(program.pipe(Effect.scoped, Effect.provideService(WaitFd, WaitFd.fromClause(clause)))),
        settle: turnsOfTheLoop,
        fixtures: { endpoint },
        capabilities: []
      })
      const laws = broken.filter((law) => law.name.startsWith(name))
      assert.strictEqual(laws.length, 1)
      const [outcome] = await Promise.allSettled(laws.map((law) => law.run()))
      assert.strictEqual(outcome?.status, "rejected")
    })
  }
})
