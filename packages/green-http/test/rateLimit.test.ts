/** So many requests in so much time. */
import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as RateLimiter from "effect/persistence/RateLimiter"
import { TestClock } from "effect/testing"
import { Auth, GreenHttp, HttpExchange, RateLimit } from "green-http"

/** An exchange that tells when what was asked, and answers as it is told; 200 unless said. */
const recorded = (
  answer: (path: string) => readonly [status: number, ...headers: ReadonlyArray<string>] = () => [200]
) => {
  const seen: Array<readonly [path: string, at: number]> = []
  const layer = Layer.succeed(HttpExchange, {
    exchange: ({ url }) =>
      Effect.map(Clock.currentTimeMillis, (now) => {
        seen.push([url.pathname, now])
        const [status, ...headers] = answer(url.pathname)
        return HttpExchange.response(status, headers)
      })
  })
  return { layer, seen }
}

const session = (options: GreenHttp.SessionOptions) => GreenHttp.make({ baseUrl: "http://app.test", ...options })

/** Asks now, as a fiber of its own. */
const asking = (http: GreenHttp.GreenHttp, path: string, options?: GreenHttp.RequestOptions) =>
  Effect.forkChild(http.get(path, options), { startImmediately: true })

const second = { limit: 2, window: "1 second" } as const

describe("a rate limit", () => {
  it.effect("lets as many go as may, and the others when the window is over, in the order in which they came", () => {
    const { layer, seen } = recorded()
    return Effect.gen(function* () {
      const http = yield* session({ rateLimit: second })
      const fibers = yield* Effect.forEach(["/1", "/2", "/3", "/4", "/5"], (path) => asking(http, path))
      yield* TestClock.adjust("2 seconds")
      yield* Effect.forEach(fibers, Fiber.join)
      assert.deepStrictEqual(seen, [
        ["/1", 0],
        ["/2", 0],
        ["/3", 1000],
        ["/4", 1000],
        ["/5", 2000]
      ])
    }).pipe(Effect.provide(layer))
  })

  it.effect("who comes when the window is over is behind those who wait for it", () => {
    const { layer, seen } = recorded()
    return Effect.gen(function* () {
      const http = yield* session({ rateLimit: { limit: 1, window: "1 second" } })
      yield* Effect.forkChild(Effect.andThen(Effect.sleep("1 second"), http.get("/late")), { startImmediately: true })
      yield* http.get("/1")
      yield* asking(http, "/2")
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual(seen, [
        ["/1", 0],
        ["/2", 1000],
        ["/late", 2000]
      ])
    }).pipe(Effect.provide(layer))
  })

  it.effect("as a token bucket lets them go evenly", () => {
    const { layer, seen } = recorded()
    return Effect.gen(function* () {
      const http = yield* session({ rateLimit: { ...second, algorithm: "token-bucket" } })
      yield* Effect.forEach(["/1", "/2", "/3", "/4"], (path) => asking(http, path))
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual(seen, [
        ["/1", 0],
        ["/2", 0],
        ["/3", 500],
        ["/4", 1000]
      ])
    }).pipe(Effect.provide(layer))
  })

  it.effect("fails, if it is to, with what is exceeded and when to come again, and counts no failure", () => {
    const { layer, seen } = recorded()
    return Effect.gen(function* () {
      const http = yield* session({ rateLimit: { ...second, onExceeded: "fail" }, retry: {} })
      yield* http.get("/")
      yield* http.get("/")
      yield* TestClock.adjust("400 millis")
      for (let times = 0; times < 3; times++) {
        const { message, reason } = yield* Effect.flip(http.get("/"))
        assert.deepStrictEqual(reason, { _tag: "RateLimited", key: "http://app.test", limit: 2, retryAfterMillis: 600 })
        assert.include(message, "the rate limit of 2 for http://app.test is reached; ask again in 600 ms")
      }
      yield* TestClock.adjust("600 millis")
      yield* http.get("/")
      assert.strictEqual(seen.length, 3)
    }).pipe(Effect.provide(layer))
  })

  it.effect("is of each origin, or of each key", () => {
    const { layer, seen } = recorded()
    return Effect.gen(function* () {
      const byOrigin = yield* session({ rateLimit: { limit: 1, window: "1 second" } })
      yield* byOrigin.get("/")
      yield* byOrigin.get("http://other.test/")
      const waits = yield* asking(byOrigin, "/")
      assert.isUndefined(waits.pollUnsafe())
      const byPath = yield* session({
        rateLimit: { limit: 1, window: "1 second", key: ({ pathname }) => pathname, onExceeded: "fail" }
      })
      yield* byPath.get("/a")
      yield* byPath.get("/b")
      yield* Effect.flip(byPath.get("http://other.test/a"))
      assert.strictEqual(seen.length, 4)
    }).pipe(Effect.provide(layer))
  })

  it.effect("counts every exchange: redirects, retries and authentication", () => {
    const answers: Record<string, ReadonlyArray<readonly [number, ...ReadonlyArray<string>]>> = {
      "/redirect": [[302, "location", "/end"]],
      "/retry": [[503], [200]],
      "/auth": [[401, "www-authenticate", `Digest realm="r", nonce="n", qop="auth"`], [200]]
    }
    const asked = new Map<string, number>()
    const { layer, seen } = recorded((path) => {
      const times = asked.get(path) ?? 0
      asked.set(path, times + 1)
      return answers[path]?.[times] ?? [200]
    })
    return Effect.gen(function* () {
      const http = yield* session({ rateLimit: { limit: 1, window: "1 minute" } })
      for (const [path, options] of [
        ["/redirect", {}],
        ["/retry", { retry: {} }],
        ["/auth", { auth: yield* Auth.digest("user", "password") }]
      ] as const) {
        const start = seen.length
        const fiber = yield* asking(http, path, options)
        yield* TestClock.adjust("1 minute")
        yield* TestClock.adjust("1 minute")
        assert.strictEqual((yield* Fiber.join(fiber)).status, 200)
        const [first, next] = seen.slice(start).map(([, at]) => at)
        assert.isAtLeast((next ?? 0) - (first ?? 0), 60_000, path)
      }
    }).pipe(Effect.provide(layer))
  })

  it.effect("interrupted, who waits leaves the line, and takes nothing from the others", () => {
    const { layer, seen } = recorded()
    return Effect.gen(function* () {
      const http = yield* session({ rateLimit: { limit: 1, window: "1 second" } })
      yield* http.get("/first")
      const waiting = yield* Effect.forEach(["/1", "/2", "/3", "/4", "/5"], (path) => asking(http, path))
      // The first of the line, one in its middle, and the last.
      for (const index of [0, 2, 4]) yield* Fiber.interrupt(waiting[index] ?? assert.fail())
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual(seen, [
        ["/first", 0],
        ["/2", 1000],
        ["/4", 2000]
      ])
      const many = yield* Effect.forEach(Array.from({ length: 1000 }), () => asking(http, "/many"))
      yield* Effect.forEach(many, Fiber.interrupt)
      const last = yield* asking(http, "/last")
      yield* TestClock.adjust("1 second")
      assert.isTrue(Exit.isSuccess(yield* Fiber.await(last)))
      assert.deepStrictEqual(seen.at(-1), ["/last", 3000])
    }).pipe(Effect.provide(layer))
  })

  it.effect("a 429 that says Retry-After holds the others back, for a minute at most", () => {
    const { layer, seen } = recorded((path) =>
      path === "/busy" ? [429, "retry-after", "10"] : path === "/day" ? [429, "retry-after", "86400"] : [200]
    )
    return Effect.gen(function* () {
      const http = yield* session({ rateLimit: { limit: 100, window: "1 second" } })
      assert.strictEqual((yield* http.get("/busy")).status, 429)
      yield* asking(http, "/1")
      yield* http.get("http://other.test/2")
      yield* TestClock.adjust("10 seconds")
      yield* http.get("/day")
      yield* asking(http, "/3")
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(seen, [
        ["/busy", 0],
        ["/2", 0],
        ["/1", 10_000],
        ["/day", 10_000],
        ["/3", 70_000]
      ])
      const failing = yield* session({ rateLimit: { limit: 100, window: "1 second", onExceeded: "fail" } })
      yield* failing.get("/busy")
      const { reason } = yield* Effect.flip(failing.get("/4"))
      assert.deepStrictEqual(reason._tag === "RateLimited" ? reason.retryAfterMillis : reason, 10_000)
    }).pipe(Effect.provide(layer))
  })

  it.effect("waiting is in the time-out of the whole", () => {
    const { layer, seen } = recorded()
    return Effect.gen(function* () {
      const http = yield* session({ rateLimit: { limit: 1, window: "1 minute" } })
      yield* http.get("/")
      const fiber = yield* Effect.forkChild(Effect.flip(http.get("/", { timeouts: { total: "1 second" } })))
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* Fiber.join(fiber)).reason._tag, "Timeout")
      assert.strictEqual(seen.length, 1)
    }).pipe(Effect.provide(layer))
  })

  it.effect("sessions share it by a layer, processes by a store", () => {
    const { layer, seen } = recorded()
    const limit = { limit: 1, window: "1 second", onExceeded: "fail" } as const
    return Effect.gen(function* () {
      yield* Effect.gen(function* () {
        yield* Effect.flatMap(session({}), (http) => http.get("/"))
        yield* Effect.flip(Effect.flatMap(session({}), (http) => http.get("/")))
      }).pipe(Effect.provide(Layer.provide(RateLimit.layer(limit), layer)))
      yield* Effect.gen(function* () {
        const store = yield* RateLimiter.RateLimiterStore
        yield* Effect.flatMap(session({ rateLimit: { ...limit, store } }), (http) => http.get("/"))
        yield* Effect.flip(Effect.flatMap(session({ rateLimit: { ...limit, store } }), (http) => http.get("/")))
      }).pipe(Effect.provide([layer, RateLimiter.layerStoreMemory]))
      assert.strictEqual(seen.length, 2)
    })
  })

  it.effect("a store that fails makes requests fail, typed", () => {
    const broken = Effect.fail(
      new RateLimiter.RateLimiterError({ reason: new RateLimiter.RateLimitStoreError({ message: "gone" }) })
    )
    const store: RateLimit.RateLimitStore = {
      fixedWindow: () => broken,
      tokenBucket: () => broken,
      adaptiveConsume: () => broken,
      adaptiveFeedback: () => broken
    }
    return Effect.gen(function* () {
      const http = yield* session({ rateLimit: { ...second, store } })
      const { reason } = yield* Effect.flip(http.get("/"))
      assert.deepStrictEqual(reason, { _tag: "Refused", problem: "the store of the rate limit failed: gone" })
    }).pipe(Effect.provide(recorded().layer))
  })

  it.effect("a limit or a window that is none fails typed", () =>
    Effect.gen(function* () {
      for (const wrong of [
        { limit: 0, window: "1 second" },
        { limit: 1.5, window: "1 second" },
        { limit: 1, window: 0 },
        { limit: 1, window: "Infinity" }
      ] as const) {
        const { reason } = yield* Effect.flip(RateLimit.make(wrong))
        assert.strictEqual(reason._tag, "InvalidOption", JSON.stringify(wrong))
      }
    })
  )

  it.effect("with a circuit that opens, who waits fails, and takes no turn", () => {
    let healthy = false
    const { layer, seen } = recorded(() => [healthy ? 200 : 500])
    return Effect.gen(function* () {
      const http = yield* session({
        rateLimit: { limit: 1, window: "1 second" },
        circuitBreaker: { failures: 2, openFor: "10 seconds" }
      })
      yield* http.get("/1")
      const waiting = yield* Effect.forEach(["/2", "/3", "/4"], (path) => asking(http, path))
      yield* TestClock.adjust("1 second")
      // The second failure: the circuit is open.
      assert.strictEqual((yield* Effect.flip(http.get("/5"))).reason._tag, "CircuitOpen")
      yield* TestClock.adjust("1 second")
      const exits = yield* Effect.forEach(waiting, Fiber.await)
      assert.deepStrictEqual(exits.map(Exit.isSuccess), [true, false, false])
      healthy = true
      yield* TestClock.adjust("9 seconds")
      yield* http.get("/6")
      assert.deepStrictEqual(
        seen.map(([path]) => path),
        ["/1", "/2", "/6"]
      )
    }).pipe(Effect.provide(layer))
  })

  it.effect("of a thousand keys, what is forgotten is not missed", () => {
    const { layer } = recorded()
    return Effect.gen(function* () {
      const made: Array<string> = []
      const limited = yield* RateLimit.make({ limit: 1, window: "1 second" })
      const exchange = limited((request) =>
        Effect.sync(() => {
          made.push(request.url.origin)
          return HttpExchange.response(200, [])
        })
      )
      // More than are kept: nobody waits, and the first may go again when its window is over.
      for (let host = 0; host < 1000; host++) {
        yield* exchange({ method: "GET", url: new URL(`http://host-${host}.test/`), headers: [] })
        yield* TestClock.adjust("10 millis")
      }
      yield* exchange({ method: "GET", url: new URL(`http://host-0.test/`), headers: [] })
      const again = yield* Effect.forkChild(
        exchange({ method: "GET", url: new URL(`http://host-0.test/`), headers: [] }),
        { startImmediately: true }
      )
      assert.isUndefined(again.pollUnsafe())
      assert.strictEqual(made.length, 1001)
    }).pipe(Effect.provide(layer))
  })
})
