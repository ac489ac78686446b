/** The laws, on the event loop of a worker thread. */
import { afterAll, assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { Green } from "green-core"
import { turnsOfTheLoop } from "green-core/testing"
import { once } from "node:events"
import { Worker } from "node:worker_threads"

/** What the worker is asked: to run a law, by its number; or it is told that this thread had its turns. */
export type Asked = number | "settled"

/** What it says. */
export type Said =
  | { readonly laws: ReadonlyArray<{ readonly name: string; readonly skipped: string | undefined }> }
  | { readonly settle: true }
  | { readonly law: number; readonly error?: unknown }

const worker = new Worker(new URL("lawsWorker.ts", import.meta.url))
const first: ReadonlyArray<Said> = await once(worker, "message")
const laws = first.flatMap((said) => ("laws" in said ? said.laws : []))

const ask = (asked: Asked): void => worker.postMessage(asked)

// Of a main thread that has loaded green-core: so it watches for its workers.
const hadTurns = Effect.provide(turnsOfTheLoop, Green.layer)

const answers = new Map<number, (said: { readonly error?: unknown }) => void>()
worker.on("message", (said: Said) => {
  if ("settle" in said) void Effect.runPromise(hadTurns).then(() => ask("settled"))
  else if ("law" in said) answers.get(said.law)?.(said)
})

afterAll(async () => {
  assert.strictEqual(await worker.terminate(), 1)
})

describe("event loop of a worker thread", () => {
  it("has the laws of the event loop", () => {
    assert.isAbove(laws.length, 60)
  })

  for (const [number, { name, skipped }] of laws.entries()) {
    it.skipIf(skipped !== undefined)(name, async () => {
      const said = new Promise<{ readonly error?: unknown }>((resolve) => answers.set(number, resolve))
      ask(number)
      const { error } = await said
      if (error !== undefined) throw error
    })
  }
})
