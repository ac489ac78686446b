import { assert, describe, it } from "@effect/vitest"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as HttpEffect from "effect/http/HttpEffect"
import { TestClock } from "effect/testing"
import { Greenlet } from "green-core"
import { GreenPool, RunInPool } from "green-pool"
import { ask, isEmpty, serveFor, Turnstile, until } from "./support.ts"

const url = "http://localhost/"
const text = (promise: Promise<Response>) =>
  Effect.promise(async () => {
    const response = await promise
    return [response.status, await response.text()]
  })

const made = Effect.fnUntraced(function* (
  handler: RunInPool.FetchHandler | ReadonlyArray<RunInPool.FetchHandler>,
  options: RunInPool.FetchOptions = { maxWorkers: 1 }
) {
  const app = yield* RunInPool.fetch(handler, options)
  yield* Effect.addFinalizer(() => isEmpty(app))
  return app
})

describe("a Fetch handler", () => {
  it.live("is called in a worker, with the request itself, and what its server gives it besides", () =>
    Effect.gen(function* () {
      const seen: Array<unknown> = []
      const app = yield* RunInPool.fetch(
        (request: Request, environment: { readonly name: string }) => {
          seen.push(request, environment.name, app.pool.running, app.pool.inGreenWorker)
          return new Response("hello")
        },
        { maxWorkers: 1 }
      )
      const request = new Request(url)
      assert.deepStrictEqual(yield* text(app(request, { name: "test" })), [200, "hello"])
      assert.deepStrictEqual(seen, [request, "test", 1, true])
      assert.deepStrictEqual([app.pool.running, app.counts.answered], [0, 1])
    })
  )

  it.live("serves real requests behind any server that speaks Fetch", () =>
    Effect.gen(function* () {
      const app = yield* made(async (request) => {
        const body = `${request.url} ${await request.text()}`
        return new Response(body, { headers: { "content-length": String(body.length) } })
      })
      const scope = yield* Effect.scope
      const listener = yield* NodeHttpServer.makeHandler(HttpEffect.fromWebHandler(app), { scope })
      const port = yield* serveFor(app, listener)
      const answer = yield* ask(port, "//evil.example/x", { method: "POST", body: "body", headers: { Host: "good" } })
      assert.match(answer.body, /^http:\/\/good\/.* body$/)
    })
  )

  it.live("has a worker until it has given its response", () =>
    Effect.gen(function* () {
      const turnstile = new Turnstile()
      const app = yield* made(async () => {
        await turnstile.wait()
        return new Response(new ReadableStream({ pull: () => new Promise(() => {}) }))
      })
      const answers = [app(new Request(url)), app(new Request(url))]
      assert.deepStrictEqual([app.pool.running, app.counts.queued], [1, 1])
      turnstile.open()
      yield* Effect.promise(() => Promise.all(answers))
      assert.strictEqual(app.pool.running, 0)
    })
  )

  it.live("of a list answers if it gives a Response; none is 404", () =>
    Effect.gen(function* () {
      const app = yield* made([
        (request) => (request.url.endsWith("/a") ? new Response("a") : undefined),
        async (request) => (request.url.endsWith("/b") ? new Response("b") : undefined)
      ])
      const get = (path: string) => text(app(new Request(new URL(path, url))))
      assert.deepStrictEqual(yield* get("/a"), [200, "a"])
      assert.deepStrictEqual(yield* get("/b"), [200, "b"])
      assert.deepStrictEqual(yield* get("/c"), [404, "Not Found\n"])
    })
  )

  it.live("that throws or rejects is answered 500 without detail, and reported; the app never rejects", () =>
    Effect.gen(function* () {
      const error = new Error("a secret")
      const reported: Array<unknown> = []
      const app = yield* made(
        (request) => {
          if (request.url.endsWith("/a")) throw error
          return Promise.reject(error)
        },
        { maxWorkers: 1, report: (cause, { method }) => Effect.sync(() => reported.push(method, Cause.squash(cause))) }
      )
      for (const path of ["/a", "/b"]) {
        assert.deepStrictEqual(yield* text(app(new Request(new URL(path, url)))), [500, "Internal Server Error\n"])
      }
      assert.deepStrictEqual(reported, ["GET", error, "GET", error])
    })
  )

  it.live("in a worker of the same pool runs in place", () =>
    Effect.gen(function* () {
      const pool = yield* GreenPool.make({ maxWorkers: 1 })
      const inner = yield* made(() => new Response("inner"), { pool })
      const outer = yield* made((request) => inner(request), { pool })
      assert.deepStrictEqual(yield* text(outer(new Request(url))), [200, "inner"])
      assert.deepStrictEqual([pool.size, inner.counts.received], [1, 0])
    })
  )

  it.live("runs in a greenlet of its own", () =>
    Effect.gen(function* () {
      const greenlets = new Set<unknown>()
      const app = yield* made(async () => {
        await Promise.resolve()
        greenlets.add(Greenlet.currentUnsafe())
        return new Response()
      })
      yield* Effect.promise(() => Promise.all([1, 2, 3].map(() => app(new Request(url)))))
      assert.deepStrictEqual([greenlets.size, greenlets.has(Greenlet.main)], [3, false])
    })
  )

  it.live("is refused by 503 when the queue is full", () =>
    Effect.gen(function* () {
      const turnstile = new Turnstile()
      const app = yield* made(() => turnstile.wait().then(() => new Response("done")), { maxWorkers: 1, capacity: 0 })
      const first = app(new Request(url))
      const second = yield* Effect.promise(() => app(new Request(url)))
      assert.deepStrictEqual([second.status, second.headers.get("retry-after")], [503, "1"])
      turnstile.open()
      assert.deepStrictEqual(yield* text(first), [200, "done"])
    })
  )
})

describe("a client that leaves", () => {
  it.live("takes its request out of the queue", () =>
    Effect.gen(function* () {
      const turnstile = new Turnstile()
      const app = yield* made(() => turnstile.wait("called").then(() => new Response("done")))
      const first = app(new Request(url))
      const controller = new AbortController()
      const second = app(new Request(url, { signal: controller.signal }))
      const third = app(new Request(url, { signal: AbortSignal.abort() }))
      assert.deepStrictEqual([app.counts.queued, app.counts.dropped], [1, 1])
      controller.abort()
      assert.deepStrictEqual([app.counts.queued, app.counts.dropped], [0, 2])
      assert.deepStrictEqual([(yield* text(second))[0], (yield* text(third))[0]], [499, 499])
      turnstile.open()
      yield* text(first)
      assert.deepStrictEqual(turnstile.began, ["called"])
    })
  )

  it.live("during its turn aborts the signal of its request; the worker is free when the handler has ended", () =>
    Effect.gen(function* () {
      const turnstile = new Turnstile()
      let aborted = false
      const app = yield* made(async ({ signal }) => {
        signal.addEventListener("abort", () => (aborted = true))
        await turnstile.wait()
        return new Response()
      })
      const controller = new AbortController()
      const answer = app(new Request(url, { signal: controller.signal }))
      controller.abort()
      assert.deepStrictEqual([aborted, app.pool.running], [true, 1])
      turnstile.open()
      yield* text(answer)
      assert.strictEqual(app.pool.running, 0)
    })
  )
})

describe("a deadline", () => {
  it.effect("is answered 504, aborts the signal, and frees the worker", () =>
    Effect.gen(function* () {
      const signals: Array<AbortSignal> = []
      const app = yield* made(
        ({ signal }) => {
          signals.push(signal)
          return new Promise(() => {})
        },
        { maxWorkers: 1, deadline: "1 second" }
      )
      const answers = [app(new Request(url)), app(new Request(url))]
      yield* TestClock.adjust("1 second")
      for (const answer of answers) assert.deepStrictEqual(yield* text(answer), [504, "Gateway Timeout\n"])
      assert.deepStrictEqual(
        signals.map(({ aborted }) => aborted),
        [true]
      )
      assert.strictEqual(app.pool.running, 0)
    })
  )
})

describe("a body that is waited for", () => {
  const post = (body: string | ReadableStream<Uint8Array>, headers: Record<string, string> = {}) =>
    new Request(url, { method: "POST", body, headers, duplex: "half" })

  it.live("is there when the handler is called", () =>
    Effect.gen(function* () {
      const app = yield* made(async (request) => new Response(await request.text()), {
        maxWorkers: 1,
        waitForBody: { maxBytes: 10, maxTotalBytes: 12 }
      })
      const { readable, writable } = new TransformStream<Uint8Array>()
      const writer = writable.getWriter()
      const answer = app(post(readable))
      void writer.write(new TextEncoder().encode("01234567"))
      yield* until("it is held", () => app.counts.heldBytes === 8)
      assert.strictEqual(app.pool.running, 0)
      assert.strictEqual((yield* text(app(post("01234567890"))))[0], 413)
      assert.strictEqual((yield* text(app(post("x", { "content-length": "11" }))))[0], 413)
      assert.strictEqual((yield* text(app(post("01234"))))[0], 503)
      void writer.close()
      assert.deepStrictEqual(yield* text(answer), [200, "01234567"])
      assert.strictEqual(app.counts.heldBytes, 0)
    })
  )

  it.live("and breaks off gives back what it held", () =>
    Effect.gen(function* () {
      const app = yield* made(() => new Response(), { maxWorkers: 1, waitForBody: true })
      const { readable, writable } = new TransformStream<Uint8Array>()
      const writer = writable.getWriter()
      const answer = app(post(readable))
      void writer.write(new Uint8Array(8)).catch(() => {})
      yield* until("it is held", () => app.counts.heldBytes === 8)
      void writer.abort(new Error("broken off")).catch(() => {})
      assert.strictEqual((yield* text(answer))[0], 499)
      assert.deepStrictEqual([app.counts.heldBytes, app.counts.dropped], [0, 1])
    })
  )
})

describe("the origin of a request", () => {
  const originOf = (target: string, host: string | undefined, options: RunInPool.FetchOptions = {}) =>
    Effect.gen(function* () {
      const app = yield* made((request) => new Response(request.url), options)
      return yield* text(app(new Request(target, host === undefined ? {} : { headers: { host } })))
    })

  it.live("is that of the Host header, not that of the request target", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* originOf("http://evil.example//x/y?q=1", "good.example:81"), [
        200,
        "http://good.example:81/x/y?q=1"
      ])
      assert.deepStrictEqual(yield* originOf("http://good.example/x", "good.example"), [200, "http://good.example/x"])
      assert.deepStrictEqual(yield* originOf("http://good.example/x", undefined), [200, "http://good.example/x"])
    })
  )

  it.live("is the one given", () =>
    Effect.gen(function* () {
      const origin = "https://good.example"
      assert.deepStrictEqual(yield* originOf("http://evil.example/x", "evil.example", { origin }), [200, `${origin}/x`])
      assert.deepStrictEqual(yield* originOf("https://good.example.evil/x", "a", { origin }), [200, `${origin}/x`])
    })
  )

  for (const host of ["a b", "good.example/evil", "user@evil", "a:b", "", "evil?x", "evil#x", "[::1"]) {
    it.live(`is none when the Host header is ${JSON.stringify(host)}: 400`, () =>
      Effect.gen(function* () {
        assert.strictEqual((yield* originOf("http://good.example/", host))[0], 400)
      })
    )
  }
})
