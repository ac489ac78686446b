/** Finding and loading libpq. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { Libpq } from "green-pg"
import { PostgresServer } from "green-pg/testing"
import { readdirSync } from "node:fs"
import * as Path from "node:path"

const load = (path?: string) =>
  Effect.provide(
    Libpq.use((libpq) => Effect.succeed(libpq)),
    Libpq.layer({ path })
  )

/** The environment variable, for the time of an Effect. */
const withVariable = <A, E, R>(value: string, effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.acquireUseRelease(
    Effect.sync(() => {
      const before = process.env["GREEN_LIBPQ"]
      process.env["GREEN_LIBPQ"] = value
      return before
    }),
    () => effect,
    (before) =>
      Effect.sync(() => {
        if (before === undefined) delete process.env["GREEN_LIBPQ"]
        else process.env["GREEN_LIBPQ"] = before
      })
  )

describe("Libpq.layer", () => {
  it.effect("loads the file that it is told, once", () =>
    Effect.gen(function* () {
      const path = yield* PostgresServer.libpq
      const libpq = yield* load(path)
      assert.strictEqual(libpq.path, path)
      assert.isAtLeast(libpq.version, 180000)
      assert.strictEqual(yield* load(path), libpq)
    })
  )

  it.effect("loads what GREEN_LIBPQ names, unless it is told otherwise", () =>
    Effect.gen(function* () {
      const path = yield* PostgresServer.libpq
      assert.strictEqual((yield* withVariable(path, load())).path, path)
      assert.strictEqual((yield* withVariable("/nowhere/libpq.so", load(path))).path, path)
      const missing = yield* Effect.flip(withVariable("/nowhere/libpq.so", load()))
      assert.include(missing.message, "/nowhere/libpq.so")
    })
  )

  it.effect("says what it tried and what to do when there is none, and tries again", () =>
    Effect.gen(function* () {
      for (const _ of [1, 2]) {
        const { message, operation, reason } = yield* Effect.flip(load("/nowhere/libpq.so.5"))
        assert(reason._tag === "LibraryMissing")
        assert.deepStrictEqual(reason.tried, ["/nowhere/libpq.so.5"])
        assert.strictEqual(operation, "load libpq")
        for (const part of ["/nowhere/libpq.so.5", "libpq5", "GREEN_LIBPQ", "Libpq.layer({ path })"]) {
          assert.include(message, part)
        }
      }
    })
  )

  it.effect("refuses a file that is no library, and a library that is not libpq", () =>
    Effect.gen(function* () {
      const directory = Path.dirname(yield* PostgresServer.libpq)
      const other = readdirSync(directory).find((name) => name.startsWith("libpgtypes.so."))
      for (const path of ["/etc/passwd", Path.join(directory, other ?? "")]) {
        const { reason } = yield* Effect.flip(load(path))
        assert(reason._tag === "LibraryMissing")
        assert.deepStrictEqual(reason.tried, [path])
        assert.isNotEmpty(reason.problem)
      }
    })
  )
})
