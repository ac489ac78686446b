/** The programs of the laws that are about a whole process; see `process.test.ts`. */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import { type FdError, FdIo, Green, type Wait, WaitFd, waitFd } from "green-core"
import { systemFixtures } from "green-core/testing"
import * as Fs from "node:fs"

const say = (line: string): void => void Fs.writeSync(1, `${line}\n`)

const run = (program: Effect.Effect<void, FdError, Wait | WaitFd | FdIo | Scope.Scope>) =>
  Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(Green.layer)))

const programs: Readonly<Record<string, () => Promise<void>>> = {
  wakes: () =>
    run(
      Effect.gen(function* () {
        const waiter = yield* Effect.forkChild(waitFd(0), { startImmediately: true })
        say("waiting")
        const { readable } = yield* Fiber.join(waiter)
        const bytes = new Uint8Array(64)
        const count = yield* FdIo.read(0, bytes)
        say(`readable ${readable}, ${typeof count === "number" ? count : 0} bytes unread`)
      })
    ),

  stays: () =>
    run(
      Effect.gen(function* () {
        const end = yield* systemFixtures.endpoint
        // The timer alone would let the process end.
        setTimeout(() => Effect.runFork(Effect.provide(end.makeReadable, Green.layer)), 200).unref()
        yield* waitFd(end.fd)
        say("woken")
      })
    ),

  ends: async () => {
    const pair = Effect.provide(FdIo.makeSocketPair, Green.layer)
    const [fd, peer] = await Effect.runPromise(pair)
    const waiter = () => Effect.runFork(Effect.provide(waitFd(fd), Green.layer))
    const cases: Array<() => void> = [
      () => {
        say("interrupted")
        waiter().interruptUnsafe()
      },
      () => {
        say("closing")
        waiter()
        Effect.runFork(Effect.provide(WaitFd.notifyClosing(fd), Green.layer))
      },
      () => {
        say("woken")
        waiter()
        Effect.runFork(Effect.provide(FdIo.write(peer, Uint8Array.of(1)), Green.layer))
      }
    ]
    process.on("beforeExit", () => {
      const next = cases.shift()
      if (next === undefined) return
      next()
      // The loop turns once more, and would go on turning if somebody waited still.
      setImmediate(() => {})
    })
  },

  idles: () =>
    run(
      Effect.gen(function* () {
        for (let count = 0; count < 200; count++) {
          const end = yield* systemFixtures.endpoint
          yield* Effect.forkScoped(waitFd(end.fd), { startImmediately: true })
        }
        const closed = yield* systemFixtures.endpoint
        yield* Effect.forkScoped(waitFd(closed.fd), { startImmediately: true })
        yield* closed.close
        yield* Effect.sleep(200)
        const milliseconds = 1000
        const before = process.cpuUsage()
        yield* Effect.sleep(milliseconds)
        const { user, system } = process.cpuUsage(before)
        say(`${Math.round((user + system) / milliseconds)} µs of CPU in a millisecond`)
      })
    )
}

await programs[process.argv[2] ?? ""]?.()
