/** Requests to a host that fails are not sent for a while. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Persistence from "effect/persistence/CircuitBreaker"
import * as Schedule from "effect/Schedule"
import { TestClock } from "effect/testing"
import { CircuitBreaker, GreenHttp, HttpError, HttpExchange, type ExchangeResponse, UndiciExchange } from "green-http"
import type { HttpErrorReason } from "green-http/HttpError"
import { serve } from "./support/server.ts"

type Answer = Effect.Effect<ExchangeResponse, HttpError>

/** A host that answers as it is told to at the time. */
const host = (answer: Answer) => {
  const state = { answer, asked: 0 }
  const layer = Layer.succeed(HttpExchange, {
    exchange: () =>
      Effect.suspend(() => {
        state.asked++
        return state.answer
      })
  })
  return { state, layer }
}

const status = (status: number, ...headers: ReadonlyArray<string>): Answer =>
  Effect.sync(() => HttpExchange.response(status, headers))

const fails = (reason: HttpErrorReason): Answer =>
  Effect.fail(new HttpError({ method: "GET", url: "http://app.test/", reason }))

const connect = fails({ _tag: "Connect", code: "ECONNREFUSED", problem: "refused" })

const session = (circuitBreaker: CircuitBreaker.CircuitBreakerOptions, options?: GreenHttp.SessionOptions) =>
  GreenHttp.make({ baseUrl: "http://app.test", circuitBreaker, ...options })

/** The status, or the reason. */
const outcome = (http: GreenHttp.GreenHttp, url = "/") =>
  Effect.match(http.get(url), { onFailure: ({ reason }) => reason._tag, onSuccess: ({ status }) => status })

describe("a circuit", () => {
  it.effect("opens after failures in a row: requests fail at once, and say when to come again", () => {
    const { layer, state } = host(status(503))
    return Effect.gen(function* () {
      const http = yield* session({ failures: 3 })
      for (const answer of [status(503), connect, status(404), status(500), status(500), connect]) {
        state.answer = answer
        assert.notStrictEqual(yield* outcome(http), "CircuitOpen")
      }
      yield* TestClock.adjust("10 seconds")
      const { message, reason } = yield* Effect.flip(http.get("/"))
      assert.deepStrictEqual(reason, { _tag: "CircuitOpen", key: "http://app.test", retryAfterMillis: 20_000 })
      assert.include(message, "the circuit of http://app.test is open after too many failures; ask again in 20000 ms")
      assert.strictEqual(state.asked, 6)
      // Others are not concerned.
      assert.strictEqual(yield* outcome(http, "http://other.test/"), "Connect")
    }).pipe(Effect.provide(layer))
  })

  it.effect("is tried again by one request, while the others fail; if that succeeds it closes", () => {
    const { layer, state } = host(connect)
    const changes: Array<string> = []
    return Effect.gen(function* () {
      const http = yield* session({
        failures: 1,
        openFor: "1 minute",
        onChange: ({ from, to }) => Effect.sync(() => changes.push(`${from} ${to}`))
      })
      yield* outcome(http)
      yield* TestClock.adjust("1 minute")
      state.answer = Effect.delay(status(200), "5 seconds")
      const probe = yield* Effect.forkChild(outcome(http), { startImmediately: true })
      const { message, reason } = yield* Effect.flip(http.get("/"))
      assert.deepStrictEqual(reason, { _tag: "CircuitOpen", key: "http://app.test", retryAfterMillis: 0 })
      assert.include(message, "another request tries it now")
      assert.strictEqual(state.asked, 2)
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual(yield* Fiber.join(probe), 200)
      state.answer = status(200)
      assert.strictEqual(yield* outcome(http), 200)
      assert.deepStrictEqual(changes, ["Closed Open", "Open HalfOpen", "HalfOpen Closed"])
    }).pipe(Effect.provide(layer))
  })

  it.effect("if the try fails it is open again, for as long as a Schedule says", () => {
    const { layer, state } = host(connect)
    return Effect.gen(function* () {
      const http = yield* session({ failures: 1, openFor: Schedule.exponential("1 second") })
      yield* outcome(http)
      for (const seconds of [1, 2, 4]) {
        yield* TestClock.adjust(seconds * 1000 - 1)
        assert.strictEqual(yield* outcome(http), "CircuitOpen")
        yield* TestClock.adjust(1)
        assert.strictEqual(yield* outcome(http), "Connect")
      }
      assert.strictEqual(state.asked, 4)
    }).pipe(Effect.provide(layer))
  })

  it.effect("if the try is interrupted, or says nothing of the host, the next request tries it", () => {
    const { layer, state } = host(connect)
    return Effect.gen(function* () {
      const http = yield* session({ failures: 1, openFor: "1 second" })
      yield* outcome(http)
      yield* TestClock.adjust("1 second")
      state.answer = Effect.never
      const probe = yield* Effect.forkChild(http.get("/"), { startImmediately: true })
      assert.strictEqual(yield* outcome(http), "CircuitOpen")
      yield* Fiber.interrupt(probe)
      const slow = yield* Effect.forkChild(Effect.flip(http.get("/", { timeouts: { total: "1 second" } })), {
        startImmediately: true
      })
      assert.strictEqual(yield* outcome(http), "CircuitOpen")
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* Fiber.join(slow)).reason._tag, "Timeout")
      state.answer = fails({ _tag: "InvalidRequest", problem: "no" })
      assert.strictEqual(yield* outcome(http), "InvalidRequest")
      state.answer = Effect.delay(status(200), "1 second")
      const last = yield* Effect.forkChild(outcome(http), { startImmediately: true })
      state.answer = status(200)
      assert.strictEqual(yield* outcome(http), "CircuitOpen")
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual([yield* Fiber.join(last), yield* outcome(http)], [200, 200])
    }).pipe(Effect.provide(layer))
  })

  it.effect("opens for as long as Retry-After says, if that is longer", () => {
    const { layer, state } = host(status(503, "retry-after", "90"))
    return Effect.gen(function* () {
      const http = yield* session({ failures: 1 })
      yield* outcome(http)
      state.answer = status(200)
      yield* TestClock.adjust("89 seconds")
      assert.strictEqual(yield* outcome(http), "CircuitOpen")
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* outcome(http), 200)
    }).pipe(Effect.provide(layer))
  })

  it.effect("opens by the part that fails, if it is to", () => {
    const { layer, state } = host(status(200))
    return Effect.gen(function* () {
      const http = yield* session({ failures: { threshold: 0.5, size: 10, minimum: 4 } })
      for (const answer of [status(500), status(200), status(200), status(500)]) {
        state.answer = answer
        assert.notStrictEqual(yield* outcome(http), "CircuitOpen")
      }
      assert.strictEqual(yield* outcome(http), "CircuitOpen")
    }).pipe(Effect.provide(layer))
  })

  it.effect("counts as failures what it is told to", () => {
    const { layer, state } = host(status(429))
    return Effect.gen(function* () {
      const http = yield* session({
        failures: 1,
        key: ({ pathname }) => pathname,
        isFailure: (outcome) => outcome._tag === "Response" && outcome.headers.includes("x-failed")
      })
      assert.strictEqual(yield* outcome(http, "/a"), 429)
      state.answer = connect
      assert.strictEqual(yield* outcome(http, "/a"), "Connect")
      state.answer = status(200, "x-failed", "yes")
      assert.strictEqual(yield* outcome(http, "/a"), 200)
      assert.strictEqual(yield* outcome(http, "/a"), "CircuitOpen")
      assert.strictEqual(yield* outcome(http, "/b"), 200)
    }).pipe(Effect.provide(layer))
  })

  it.effect("sees each attempt of a retry, which ends when it is open", () => {
    const { layer, state } = host(connect)
    return Effect.gen(function* () {
      const http = yield* session({ failures: 2 }, { retry: { schedule: Schedule.spaced("1 second") } })
      const fiber = yield* Effect.forkChild(outcome(http))
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual(yield* Fiber.join(fiber), "CircuitOpen")
      assert.strictEqual(state.asked, 2)
    }).pipe(Effect.provide(layer))
  })

  it.effect("sessions share it by a layer, processes by a store, and it ends with nobody", () => {
    const { layer } = host(connect)
    return Effect.gen(function* () {
      const twice = (circuitBreaker?: CircuitBreaker.CircuitBreakerOptions) =>
        Effect.forEach([1, 2], () =>
          Effect.scoped(
            Effect.flatMap(
              GreenHttp.make({ baseUrl: "http://app.test", ...(circuitBreaker && { circuitBreaker }) }),
              outcome
            )
          )
        )
      const own = yield* Effect.provide(twice({ failures: 1 }), layer)
      assert.deepStrictEqual(own, ["Connect", "Connect"])
      const layered = yield* Effect.provide(twice(), Layer.provide(CircuitBreaker.layer({ failures: 1 }), layer))
      assert.deepStrictEqual(layered, ["Connect", "CircuitOpen"])
      const stored = yield* Effect.gen(function* () {
        return yield* twice({ failures: 1, store: yield* Persistence.CircuitBreakerStore })
      }).pipe(Effect.provide([layer, Persistence.layerStoreMemory()]))
      assert.deepStrictEqual(stored, ["Connect", "CircuitOpen"])
    })
  })

  it.effect("failures that cannot be fail typed", () =>
    Effect.gen(function* () {
      for (const failures of [0, 1.5, { threshold: 2 }, { threshold: 0.5, size: 1, minimum: 2 }]) {
        const { reason } = yield* Effect.flip(CircuitBreaker.make({ failures }))
        assert.strictEqual(reason._tag, "InvalidOption", JSON.stringify(failures))
      }
    })
  )

  it.live("of a real server: a time-out of a phase counts, and the connection is let go", () =>
    Effect.gen(function* () {
      const server = yield* serve(() => {})
      const http = yield* GreenHttp.make({
        baseUrl: server.url,
        circuitBreaker: { failures: 1 },
        timeouts: { response: "20 millis" }
      })
      assert.strictEqual(yield* outcome(http), "Timeout")
      assert.strictEqual(yield* outcome(http), "CircuitOpen")
      yield* Effect.repeat(Effect.sleep(2), { until: () => server.open() === 0 })
    }).pipe(Effect.provide(UndiciExchange.layer()))
  )
})
