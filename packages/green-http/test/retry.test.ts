import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"
import { GreenHttp, HttpError, HttpExchange, type ExchangeResponse } from "green-http"

/** Answers one after the other; the last one for ever. */
const scripted = (...answers: ReadonlyArray<ExchangeResponse | HttpError>) => {
  const seen: Array<string> = []
  const layer = Layer.succeed(HttpExchange, {
    exchange: (request) =>
      Effect.suspend(() => {
        const answer = answers[Math.min(seen.length, answers.length - 1)]
        seen.push(request.method)
        if (answer === undefined) return Effect.die("no answer")
        return answer instanceof HttpError ? Effect.fail(answer) : Effect.succeed(answer)
      })
  })
  return { layer, seen }
}

const status = (status: number, ...headers: ReadonlyArray<string>) => HttpExchange.response(status, headers)
const refused = new HttpError({
  method: "GET",
  url: "http://app.test/",
  reason: { _tag: "Connect", code: "ECONNREFUSED", problem: "refused" }
})
const twice = { schedule: Schedule.upTo(Schedule.spaced("1 second"), { times: 2 }) }

/** The status that comes in the end, or the reason, with the clock set forward as far as need be. */
const outcome = (method: string, options: GreenHttp.RequestOptions, hooks?: GreenHttp.Hooks) =>
  Effect.gen(function* () {
    const http = yield* GreenHttp.make({ baseUrl: "http://app.test", ...(hooks === undefined ? {} : { hooks }) })
    const fiber = yield* Effect.forkChild(
      Effect.match(http.request(method, "/", options), {
        onFailure: ({ reason }) => reason._tag,
        onSuccess: ({ status }) => status
      })
    )
    yield* TestClock.adjust("10 seconds")
    return fiber.pollUnsafe() === undefined ? "waits" : yield* Fiber.join(fiber)
  })

describe("retry", () => {
  it.effect("a failure to connect and a temporary status are retried, by the schedule", () =>
    Effect.gen(function* () {
      const attempts: Array<readonly [string, number]> = []
      const hooks: GreenHttp.Hooks = {
        retry: (_, cause, attempt) => Effect.sync(() => attempts.push([cause._tag, attempt]))
      }
      const { layer, seen } = scripted(refused, status(503), status(200))
      assert.strictEqual(yield* Effect.provide(outcome("GET", { retry: twice }, hooks), layer), 200)
      assert.strictEqual(seen.length, 3)
      assert.deepStrictEqual(attempts, [
        ["HttpError", 1],
        ["Response", 2]
      ])
    })
  )

  it.effect("when the schedule ends, what came last is the outcome", () =>
    Effect.gen(function* () {
      const failing = scripted(refused)
      assert.strictEqual(yield* Effect.provide(outcome("GET", { retry: twice }), failing.layer), "Connect")
      const busy = scripted(status(503))
      assert.strictEqual(yield* Effect.provide(outcome("PUT", { retry: twice, body: "x" }), busy.layer), 503)
      assert.deepStrictEqual([failing.seen.length, busy.seen.length], [3, 3])
    })
  )

  it.effect("what may not be sent twice is not: another method, a body that is a stream", () =>
    Effect.gen(function* () {
      for (const [method, options] of [
        ["POST", {}],
        ["PUT", { body: Stream.make(new Uint8Array(1)) }]
      ] as const) {
        const { layer, seen } = scripted(status(503), status(200))
        assert.strictEqual(yield* Effect.provide(outcome(method, { ...options, retry: twice }), layer), 503)
        assert.strictEqual(seen.length, 1)
      }
      const other = scripted(status(500))
      assert.strictEqual(yield* Effect.provide(outcome("GET", { retry: twice }), other.layer), 500)
      assert.strictEqual(other.seen.length, 1)
    })
  )

  it.effect("Retry-After is waited for, in seconds or as a date; a longer one than is waited for is the outcome", () =>
    Effect.gen(function* () {
      const seconds = scripted(status(429, "Retry-After", "9"), status(200))
      assert.strictEqual(yield* Effect.provide(outcome("GET", { retry: twice }), seconds.layer), 200)
      const long = scripted(status(429, "retry-after", "11"), status(200))
      assert.strictEqual(yield* Effect.provide(outcome("GET", { retry: twice }), long.layer), "waits")
      const now = yield* Clock.currentTimeMillis
      const date = scripted(status(503, "retry-after", new Date(now + 9_000).toUTCString()), status(200))
      assert.strictEqual(yield* Effect.provide(outcome("GET", { retry: twice }), date.layer), 200)
      const hour = scripted(status(503, "retry-after", "3600"), status(200))
      assert.strictEqual(yield* Effect.provide(outcome("GET", { retry: twice }), hour.layer), 503)
    })
  )

  it.effect("interrupted while it waits, nothing is sent any more", () =>
    Effect.gen(function* () {
      const { layer, seen } = scripted(status(503))
      const fiber = yield* Effect.forkChild(Effect.provide(outcome("GET", { retry: {} }), layer), {
        startImmediately: true
      })
      yield* Fiber.interrupt(fiber)
      const before = seen.length
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(seen.length, before)
    })
  )
})
