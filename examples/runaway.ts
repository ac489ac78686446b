/**
 * A time-out that ends what computes. A regular expression that comes from a user may take longer than the universe
 * lasts; nothing in the thread can stop it, so the thread is ended. Others notice nothing.
 */
import * as Effect from "effect/Effect"
import * as RpcGroup from "effect/rpc/RpcGroup"
import { green, GreenWorkers } from "green-blocking"

const matches = green(() => import("./runaway/match.ts"), new URL("./runaway/match.ts", import.meta.url), "matches")

// It performs nothing, so there is nothing to handle. Nor is there anything to tidy: no grace.
const Workers = GreenWorkers.layer(RpcGroup.make(), { size: 2, grace: 0 })

const text = "a".repeat(50)

const program = Effect.gen(function* () {
  const inTime = (pattern: string) =>
    matches(pattern, text).pipe(
      Effect.timeout("2 seconds"),
      Effect.map(String),
      Effect.catchTag("TimeoutError", () => Effect.succeed("takes too long"))
    )

  const patterns = ["^a+$", "^(a+)+b$", "^b", "^(a|a)*c$", "a{50}"]
  const answers = yield* Effect.forEach(patterns, inTime, { concurrency: 2 })
  for (const [i, pattern] of patterns.entries()) console.log(pattern.padEnd(10), answers[i])

  const { running, stuck } = yield* (yield* GreenWorkers).statistics
  console.log(`running ${running}, stuck ${stuck}`)
})

await Effect.runPromise(program.pipe(Effect.provide(Workers)))
