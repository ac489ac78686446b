/** How long the pool keeps a connection. */
import { assert, describe, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/testing/TestClock"
import { drivers, makePool } from "./support/client.ts"
import { pid, borrowAtOnce, untilSessions, suite } from "./support/pool.ts"

describe.each(drivers)("a pool (%s)", (driver) => {
  layer(suite)((it) => {
    it.effect("keeps minConnections open from the start", () =>
      Effect.gen(function* () {
        const pool = yield* makePool({ driver, minConnections: 2, maxConnections: 4, idleTimeout: "1 second" })
        yield* untilSessions(2)
        yield* borrowAtOnce(pool, 4)
        yield* TestClock.adjust("1 minute")
        yield* untilSessions(2)
      })
    )

    it.effect("closes a connection that nobody has used for the idle time", () =>
      Effect.gen(function* () {
        const pool = yield* makePool({ driver, idleTimeout: "10 seconds" })
        yield* borrowAtOnce(pool, 3)
        assert.strictEqual((yield* pool.stats).idle, 3)
        yield* TestClock.adjust("9 seconds")
        assert.strictEqual((yield* pool.stats).idle, 3)
        yield* TestClock.adjust("11 seconds")
        assert.strictEqual((yield* pool.stats).idle, 0)
        yield* untilSessions(0)
        assert.isAbove(yield* pid(pool), 0)
      })
    )

    it.effect("replaces a connection that has reached its time, when it is asked for the next time", () =>
      Effect.gen(function* () {
        const pool = yield* makePool({ driver, connectionTTL: "1 hour", idleTimeout: "1 day" })
        const first = yield* pid(pool)
        yield* TestClock.adjust("59 minutes")
        assert.strictEqual(yield* pid(pool), first)
        yield* TestClock.adjust("1 minute")
        assert.notStrictEqual(yield* pid(pool), first)
      })
    )

    it.effect("with a time of zero uses each connection once", () =>
      Effect.gen(function* () {
        const pool = yield* makePool({ driver, connectionTTL: 0, maxConnections: 1 })
        const pids = [yield* pid(pool), yield* pid(pool), yield* pid(pool)]
        assert.strictEqual(new Set(pids).size, 3)
      })
    )
  })
})
