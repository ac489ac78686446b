/** A worker thread that runs the laws over its `Green.layer`: says which there are, then runs each that it is asked for. */
import * as Effect from "effect/Effect"
import { Green } from "green-core"
import { systemFixtures, turnsOfTheLoop } from "green-core/testing"
import { parentPort } from "node:worker_threads"
import { allLaws } from "../support/allLaws.ts"
import type { Asked, Said } from "./laws.test.ts"

const say = (said: Said): void => parentPort?.postMessage(said)

let settled = (): void => {}

/** The main thread has had its turns, and so has this one: what was said has been heard. */
const heard = Effect.andThen(
  Effect.callback<void>((resume) => {
    settled = () => resume(Effect.void)
    say({ settle: true })
  }),
  turnsOfTheLoop
)

/** First of the set, then of what is in it. */
const settle = Effect.andThen(heard, heard)

const laws = allLaws({
  name: "event loop of a worker thread",
  run: (program) => Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(Green.layer))),
  settle,
  fixtures: systemFixtures,
  capabilities: ["promise", "hangup", "error", "closed", "reuse", "file", "idle"]
}).flatMap(([operation, laws]) => laws.map((law) => ({ ...law, name: `${operation}: ${law.name}` })))

parentPort?.on("message", async (asked: Asked) => {
  if (asked === "settled") {
    settled()
    return
  }
  try {
    await laws[asked]?.run()
    say({ law: asked })
  } catch (error) {
    say({ law: asked, error })
  }
})

say({ laws: laws.map(({ name, skipped }) => ({ name, skipped })) })
