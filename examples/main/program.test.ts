/** The program of the main example in a virtual world: no operating system, no real time. */
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type * as Layer from "effect/Layer"
import * as TestClock from "effect/testing/TestClock"
import { Fd } from "green-core"
import { VirtualFds } from "green-core/testing"
import { type Counts, counted } from "./counted.ts"
import { program } from "./program.ts"
import { Sources } from "./Sources.ts"
import { Transcript } from "./transcript.ts"
import * as VirtualSources from "./virtualSources.ts"

/** The program, running on a stage, with what it prints and how often it waits. */
const start = Effect.gen(function* () {
  const printed: Array<string> = []
  const recorder: Console.Console = Object.assign(Object.create(console), {
    log: (line: string) => printed.push(line)
  })
  const counts: Counts = { waits: 0, wakeUps: 0 }
  const stage = yield* VirtualSources.make
  const running = yield* program("/virtual", 7).pipe(
    Effect.provideService(Sources, stage.sources),
    Effect.provide([Transcript.layer, counted(counts)]),
    Effect.provideService(Console.Console, recorder),
    Effect.forkChild
  )
  yield* VirtualFds.settled
  return { ...stage, running, printed, counts }
})

/** Lets time go on, and the program with it. */
const after = (milliseconds: number) => Effect.andThen(TestClock.adjust(milliseconds), VirtualFds.settled)

const virtual = <A, E>(test: Effect.Effect<A, E, Layer.Success<typeof VirtualFds.layer>>) =>
  Effect.provide(test, VirtualFds.layer)

describe("the main example over virtual descriptors", () => {
  it.effect("prints what happens as it happens, to the letter", () =>
    virtual(
      Effect.gen(function* () {
        const { counts, exit, printed, running, server, terminal, writeFile } = yield* start

        yield* terminal.send("what is yo")
        yield* VirtualFds.settled
        yield* terminal.send("ur name?\r\n")
        assert.strictEqual(yield* terminal.receiveText, "green\n")
        assert.strictEqual(yield* server.receiveText, "hello\n")
        yield* after(20)
        yield* server.send("HELLO\n")
        assert.strictEqual(yield* server.receiveText, "are you there?\n")
        yield* after(230)
        yield* terminal.send("green\r\nhello, green\r\n")
        yield* after(70)
        assert.strictEqual(yield* server.receiveText, "bye\n")
        yield* server.send("BYE\n")
        yield* server.end
        yield* after(180)
        yield* Effect.andThen(writeFile("one"), writeFile("two"))
        yield* VirtualFds.settled
        yield* after(10)
        yield* writeFile("done")
        yield* terminal.end
        yield* VirtualFds.settled
        assert.strictEqual(running.pollUnsafe(), undefined)
        exit(0)
        yield* Fiber.join(running)

        assert.deepStrictEqual(printed, [
          "    0 ms  connection  connected",
          "    0 ms  terminal    what is your name?",
          "   20 ms  connection  hello → HELLO",
          "  250 ms  timer       tick 1",
          "  250 ms  terminal    green",
          "  250 ms  terminal    hello, green",
          "  320 ms  connection  are you there? → no answer in 300 ms",
          "  320 ms  connection  bye → BYE",
          "  320 ms  connection  the server hung up",
          "  500 ms  timer       tick 2",
          "  500 ms  directory   one was written",
          "  500 ms  directory   two was written",
          "  510 ms  directory   done was written",
          "  510 ms  promise     the child ended: 0",
          "  510 ms  timer       interrupted after 2 ticks"
        ])
        // Given up: the answer that did not come in time, and the tick that was waited for at the end.
        assert.strictEqual(counts.waits - counts.wakeUps, 2)
        assert.deepStrictEqual(yield* VirtualFds.waiting, [])
      })
    )
  )

  it.effect("fails, typed, with all its greenlets when one of them fails", () =>
    virtual(
      Effect.gen(function* () {
        const { printed, running, server } = yield* start
        yield* server.reset
        const exit = yield* Fiber.await(running)
        assert.isTrue(Exit.isFailure(exit))
        if (Exit.isFailure(exit)) {
          const error = Cause.squash(exit.cause)
          assert.instanceOf(error, Fd.FdError)
          assert.include(error.message, "ECONNRESET")
        }
        assert.deepStrictEqual(printed, [
          "    0 ms  connection  connected",
          "    0 ms  timer       interrupted after 0 ticks"
        ])
        assert.deepStrictEqual(yield* VirtualFds.waiting, [])
      })
    )
  )

  it.effect("leaves nobody waiting when it is interrupted", () =>
    virtual(
      Effect.gen(function* () {
        const { printed, running } = yield* start
        assert.strictEqual((yield* VirtualFds.waiting).length, 4)
        yield* Fiber.interrupt(running)
        assert.deepStrictEqual(yield* VirtualFds.waiting, [])
        assert.strictEqual(printed.at(-1), "    0 ms  timer       interrupted after 0 ticks")
      })
    )
  )
})
