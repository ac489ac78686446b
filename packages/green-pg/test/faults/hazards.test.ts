/** No misuse ends a process by a signal, or keeps it from ending: each is tried in a process of its own. */
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { PostgresServer } from "green-pg/testing"
import { run } from "../support/process.ts"
import { eachDriver, ends, optionsOf, test } from "./support/world.ts"

interface Ending {
  readonly says?: unknown
  readonly code?: number
  readonly stderr?: RegExp
}

const endings: Readonly<Record<string, Ending>> = {
  "exits with statements on the way": { code: 3 },
  "forgets to close": { says: [{ one: 1 }] },
  "dies of an error that nobody handles": { code: 1, stderr: /nobody handles this/ },
  "exits when it hears a notice": { code: 4 },
  "exits when it hears a notification": { code: 5 },
  "collects garbage while connections are idle, listening and busy": { says: ["still here", 1] },
  "closes the connection in the answer to a statement": { says: ["Success", "Closed", "Closed"] },
  "closes the connection in the middle of rows": { says: ["Closed", true] },
  "closes the connection in the middle of a COPY": { says: "Closed" },
  "closes the connection when it hears a notice or a notification": { says: ["Closed", "Closed"] },
  "somebody closes the descriptor of an idle connection, and opens a file": {
    says: [true, "ConnectionLost", "", false]
  },
  "somebody closes the descriptor while a statement runs": { says: [false, "Wait"] }
}

eachDriver((driver) => {
  for (const [name, { code = 0, says, stderr = /^$/ }] of Object.entries(endings)) {
    test(`a program that ${name}: it ends in order`, () =>
      Effect.gen(function* () {
        const { libpq } = yield* PostgresServer
        // The server looks whether its client is there while it runs a statement, too.
        const startupParameters = { client_connection_check_interval: "50ms" }
        const options = { ...(yield* optionsOf(driver)), startupParameters }
        const { ended, said } = yield* run("hazards/run.ts", [name, JSON.stringify(options), libpq])
        const ending = yield* ends(name, ended)
        assert.deepStrictEqual({ code: ending.code, signal: ending.signal }, { code, signal: null }, ending.stderr)
        assert.match(ending.stderr, stderr)
        if (says !== undefined) assert.deepStrictEqual(yield* said, says)
      }))
  }
})
