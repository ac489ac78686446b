/**
 * Memory: what goes through a connection does not stay, however much it is. `GREEN_PG_MEGABYTES` says how much goes
 * through, 200 unless said. The bounds are generous: a fraction of what went through.
 */
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { PostgresServer } from "green-pg/testing"
import { run } from "../support/process.ts"
import { eachDriver, optionsOf, test } from "./support/world.ts"

const megabytes = Number(process.env["GREEN_PG_MEGABYTES"] ?? "200")

const Grown = Schema.Struct({ heap: Schema.Number, rss: Schema.Number, seconds: Schema.Number })

const kinds = {
  rows: "a stream of rows of a kilobyte",
  results: "results of a megabyte, one after the other",
  "COPY out": "a COPY to the client",
  "COPY in": "a COPY from the client"
}

eachDriver((driver) => {
  for (const [kind, what] of Object.entries(kinds)) {
    test(
      `${what}: the memory does not grow with them`,
      () =>
        Effect.gen(function* () {
          const { libpq } = yield* PostgresServer
          const options = JSON.stringify(yield* optionsOf(driver))
          const { ended, said } = yield* run("memory/run.ts", [kind, options, libpq, String(megabytes)])
          const { code, stderr } = yield* ended
          assert.deepStrictEqual({ code, stderr }, { code: 0, stderr: "" })
          const grown = yield* Schema.decodeUnknownEffect(Grown)(yield* said)
          assert.isBelow(grown.heap, 24, JSON.stringify(grown))
          assert.isBelow(grown.rss, 110, JSON.stringify(grown))
        }),
      90_000 + megabytes * 200
    )
  }
})
