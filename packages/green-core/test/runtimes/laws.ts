/**
 * The laws of `Green.layer`, in whatever place this is run: a line of JSON for each, and one for all. Imports nothing that
 * only Node has.
 */
import * as Effect from "effect/Effect"
import { FdIo, Green, WaitFd, waitFd } from "green-core"
import { systemFixtures, turnsOfTheLoop } from "green-core/testing"
import { allLaws } from "../support/allLaws.ts"

export interface Told {
  readonly law: string
  readonly result: "holds" | "skipped" | "broken"
  readonly problem?: string
}

/**
 * Another thread may watch, and takes its time. What is ready is told in its order: when a wait is over that was the last
 * to become ready, all others are.
 */
const settle = Effect.gen(function* () {
  const pipe = yield* FdIo.makePipe
  const reader = yield* WaitFd.lease(pipe.reader)
  const writer = yield* WaitFd.lease(pipe.writer)
  yield* FdIo.write(writer, Uint8Array.of(1))
  yield* waitFd(reader)
}).pipe(Effect.scoped, Effect.provide(Green.layer), Effect.orDie, Effect.andThen(turnsOfTheLoop))

// A pipe without its reader tells a hang-up on macOS, as it does by its poll(2).
const error = process.platform === "darwin" ? [] : (["error"] as const)

const laws = allLaws({
  name: "event loop",
  run: (program) => Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(Green.layer))),
  settle,
  fixtures: systemFixtures,
  capabilities: ["promise", "hangup", ...error, "closed", "reuse", "file", "idle"]
})

for (const [operation, each] of laws) {
  for (const { name, run, skipped } of each) {
    const law = `${operation}: ${name}`
    const told: Told =
      skipped === undefined
        ? await run().then(
            () => ({ law, result: "holds" }),
            (error: unknown) => ({ law, result: "broken", problem: String(error) })
          )
        : { law, result: "skipped" }
    console.log(JSON.stringify(told))
  }
}
