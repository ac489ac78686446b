import { assert, describe, it } from "@effect/vitest"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as HttpRouter from "effect/http/HttpRouter"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import { HttpServerError, RouteNotFound } from "effect/http/HttpServerError"
import * as HttpEffect from "effect/http/HttpEffect"
import * as Layer from "effect/Layer"
import * as References from "effect/References"
import type * as Scope from "effect/Scope"
import { TestClock } from "effect/testing"
import { Greenlet } from "green-core"
import { GreenPool, RunInPool } from "green-pool"
import { ask, client, serveFor, Turnstile, until } from "./support.ts"

/** Served by effect/http's own server on Node. */
const served = Effect.fnUntraced(function* <E>(
  app: Effect.Effect<HttpServerResponse.HttpServerResponse, E, HttpServerRequest.HttpServerRequest | Scope.Scope> &
    RunInPool.InPool
) {
  const scope = yield* Effect.scope
  return yield* serveFor(app, yield* NodeHttpServer.makeHandler(app, { scope }))
})

const say = (text: string) => HttpServerResponse.text(text)
const { HttpServerRequest: Current } = HttpServerRequest

describe("an app of effect/http", () => {
  it.live("runs in a worker, in a fiber and a greenlet of its own, with the services of the request", () =>
    Effect.gen(function* () {
      class Name extends Context.Service<Name, string>()("test/Name") {}
      const seen = new Set<Greenlet.Greenlet>()
      const app = yield* RunInPool.effect(
        Effect.gen(function* () {
          const request = yield* Current
          assert.isTrue(app.pool.inGreenWorker)
          seen.add(yield* Greenlet.current)
          yield* Effect.yieldNow
          return say(`${yield* Name} ${request.method} ${request.url}`)
        }),
        { maxWorkers: 1 }
      )
      const scope = yield* Effect.scope
      const listener = yield* Effect.provideService(NodeHttpServer.makeHandler(app, { scope }), Name, "ann")
      const port = yield* serveFor(app, listener)
      for (const target of ["/a", "/b"]) assert.strictEqual((yield* ask(port, target)).body, `ann GET ${target}`)
      assert.strictEqual(seen.size, 2)
      for (const greenlet of seen) assert.isTrue(greenlet.ended)
    })
  )

  it.live("waits for a free worker, and no longer than there is room in the queue", () =>
    Effect.gen(function* () {
      const turnstile = new Turnstile()
      const app = yield* RunInPool.effect(
        Effect.as(
          Effect.promise(() => turnstile.wait()),
          say("done")
        ),
        { maxWorkers: 1, capacity: 1 }
      )
      const port = yield* served(app)
      const [first, second] = [yield* client(port), yield* client(port)]
      first.request("GET /")
      yield* until("it runs", () => app.pool.running === 1)
      second.request("GET /")
      yield* until("it is queued", () => app.counts.queued === 1)
      const { headers, status } = yield* ask(port)
      assert.deepStrictEqual([status, headers["retry-after"]], [503, "1"])
      turnstile.open()
      assert.deepStrictEqual([(yield* first.answer()).body, (yield* second.answer()).body], ["done", "done"])
    })
  )

  it.live("of a list answers unless it fails with RouteNotFound; none is 404", () =>
    Effect.gen(function* () {
      const at = (path: string) =>
        Effect.flatMap(Current, (request) =>
          request.url === path
            ? Effect.succeed(say(path))
            : Effect.fail(new HttpServerError({ reason: new RouteNotFound({ request }) }))
        )
      const app = yield* RunInPool.effect([at("/a"), at("/b")], { maxWorkers: 1 })
      const port = yield* served(app)
      assert.strictEqual((yield* ask(port, "/a")).body, "/a")
      assert.strictEqual((yield* ask(port, "/b")).body, "/b")
      assert.strictEqual((yield* ask(port, "/c")).status, 404)
      const none = yield* RunInPool.effect([], { maxWorkers: 1 })
      assert.strictEqual((yield* ask(yield* served(none))).status, 404)
    })
  )

  it.live("that fails or dies is answered 500 by its server, without any detail", () =>
    Effect.gen(function* () {
      const app = yield* RunInPool.effect(
        Effect.flatMap(Current, ({ url }) =>
          url === "/fail" ? Effect.fail("a secret" as const) : Effect.die(new Error("a secret"))
        ),
        { maxWorkers: 1 }
      )
      const port = yield* served(app)
      for (const target of ["/fail", "/die"]) {
        const answer = yield* ask(port, target)
        assert.strictEqual(answer.status, 500)
        assert.notInclude(JSON.stringify(answer), "secret")
      }
      assert.deepStrictEqual([app.pool.running, app.pool.size], [0, 1])
    }).pipe(Effect.provideService(References.MinimumLogLevel, "None"))
  )

  it.live("in a worker of the same pool runs in place", () =>
    Effect.gen(function* () {
      const pool = yield* GreenPool.make({ maxWorkers: 1 })
      const inner = yield* RunInPool.effect(Effect.succeed(say("inner")), { pool })
      const outer = yield* RunInPool.effect(inner, { pool })
      assert.strictEqual((yield* ask(yield* served(outer))).body, "inner")
      assert.deepStrictEqual([pool.size, inner.counts.received], [1, 0])
    })
  )

  it.live("keeps the pieces of effect/http that know the request", () =>
    Effect.gen(function* () {
      const app = yield* RunInPool.effect(
        Effect.gen(function* () {
          yield* HttpEffect.appendPreResponseHandler((_, response) =>
            Effect.succeed(HttpServerResponse.setHeader(response, "x-late", "yes"))
          )
          yield* Effect.addFinalizer(() => Effect.void)
          return say("hello")
        }),
        { maxWorkers: 1 }
      )
      assert.strictEqual((yield* ask(yield* served(app))).headers["x-late"], "yes")
    })
  )
})

describe("a client that leaves", () => {
  it.live("takes its request out of the queue", () =>
    Effect.gen(function* () {
      const turnstile = new Turnstile()
      const app = yield* RunInPool.effect(
        Effect.as(
          Effect.promise(() => turnstile.wait("called")),
          say("done")
        ),
        { maxWorkers: 1 }
      )
      const port = yield* served(app)
      const [first, second] = [yield* client(port), yield* client(port)]
      first.request("GET /")
      yield* until("it runs", () => app.pool.running === 1)
      second.request("GET /")
      yield* until("it is queued", () => app.counts.queued === 1)
      second.leave()
      yield* until("it is dropped", () => app.counts.dropped === 1)
      turnstile.open()
      yield* first.answer()
      assert.deepStrictEqual(turnstile.began, ["called"])
    })
  )

  it.live("during its turn interrupts the app; the worker is free when the finalizers have run", () =>
    Effect.gen(function* () {
      const turnstile = new Turnstile()
      const app = yield* RunInPool.effect(
        Effect.onInterrupt(Effect.never, () => Effect.promise(() => turnstile.wait("finalizer"))),
        { maxWorkers: 1 }
      )
      const port = yield* served(app)
      const one = yield* client(port)
      one.request("GET /")
      yield* until("it runs", () => app.pool.running === 1)
      one.leave()
      yield* until("it is interrupted", () => turnstile.began.length === 1)
      assert.strictEqual(app.pool.running, 1)
      turnstile.open()
      yield* until("it is free", () => app.pool.running === 0)
    })
  )
})

describe("a deadline", () => {
  it.effect("interrupts the app, and is answered 504 when it has ended; who is queued is answered at once", () =>
    Effect.gen(function* () {
      const turnstile = new Turnstile()
      const app = yield* RunInPool.effect(
        Effect.onInterrupt(Effect.never, () => Effect.promise(() => turnstile.wait("finalizer"))),
        { maxWorkers: 1, deadline: "1 second" }
      )
      const port = yield* served(app)
      const [first, second] = [yield* client(port), yield* client(port)]
      first.request("GET /")
      yield* until("it runs", () => app.pool.running === 1)
      second.request("GET /")
      yield* until("it is queued", () => app.counts.queued === 1)
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* second.answer()).status, 504)
      assert.deepStrictEqual([first.answers.length, app.pool.running, turnstile.began], [0, 1, ["finalizer"]])
      turnstile.open()
      assert.strictEqual((yield* first.answer()).status, 504)
      assert.strictEqual(app.pool.running, 0)
    })
  )
})

describe("a body that is waited for", () => {
  const echo = Effect.flatMap(Current, (request) => Effect.map(request.text, say))

  it.live("is there when the app runs", () =>
    Effect.gen(function* () {
      const app = yield* RunInPool.effect(echo, { maxWorkers: 1, waitForBody: { maxBytes: 10 } })
      const port = yield* served(app)
      const one = yield* client(port)
      one.request("POST /", { "Content-Length": 8 }, "half")
      yield* until("half is held", () => app.counts.heldBytes === 4)
      assert.strictEqual(app.pool.running, 0)
      one.send("half")
      assert.strictEqual((yield* one.answer()).body, "halfhalf")
      assert.strictEqual((yield* ask(port, "/", { method: "POST", body: "01234567890" })).status, 413)
      assert.strictEqual(app.counts.heldBytes, 0)
    })
  )

  it.live("is asked for, from a client that waits to be asked", () =>
    Effect.gen(function* () {
      const app = yield* RunInPool.effect(echo, { maxWorkers: 1, waitForBody: true })
      const port = yield* served(app)
      const one = yield* client(port)
      one.request("POST /", { "Content-Length": 4, Expect: "100-continue" })
      yield* until("it is asked", () => one.received.includes("100 Continue"))
      one.send("body")
      assert.strictEqual((yield* one.answer()).body, "body")
    })
  )

  it.live("and breaks off gives back what it held", () =>
    Effect.gen(function* () {
      const app = yield* RunInPool.effect(echo, { maxWorkers: 1, waitForBody: true })
      const port = yield* served(app)
      const one = yield* client(port)
      one.request("POST /", { "Content-Length": 8 }, "half")
      yield* until("half is held", () => app.counts.heldBytes === 4)
      one.leave()
      yield* until("it is dropped", () => app.counts.dropped === 1)
      assert.strictEqual(app.counts.heldBytes, 0)
    })
  )

  it.live("of a Fetch request too", () =>
    Effect.gen(function* () {
      const app = yield* RunInPool.effect(echo, { maxWorkers: 1, waitForBody: { maxBytes: 10 } })
      const handler = HttpEffect.toWebHandler(app)
      const post = (body: string) =>
        Effect.promise(async () => {
          const response = await handler(new Request("http://localhost/", { method: "POST", body }))
          return [response.status, await response.text()]
        })
      assert.deepStrictEqual(yield* post("body"), [200, "body"])
      assert.strictEqual((yield* post("01234567890"))[0], 413)
    })
  )
})

describe("the URL of a request", () => {
  const where = Effect.flatMap(Current, (request) =>
    Effect.succeed(say(`${request.url} ${HttpServerRequest.toURL(request).pipe((url) => JSON.stringify(url))}`))
  )
  for (const [target, url] of [
    ["http://evil.example/x?q=1", "/x?q=1"],
    ["//evil.example/x", "/evil.example/x"],
    ["/x", "/x"]
  ] as const) {
    it.live(`of ${target} is ${url}, on the host of the Host header`, () =>
      Effect.gen(function* () {
        const app = yield* RunInPool.effect(where)
        const { body } = yield* ask(yield* served(app), target, { headers: { Host: "good.example" } })
        assert.isTrue(body.startsWith(`${url} `), body)
        assert.include(body, `http://good.example${url}`)
      })
    )
  }

  it.live("on a bad host is none: 400", () =>
    Effect.gen(function* () {
      const app = yield* RunInPool.effect(where)
      const port = yield* served(app)
      assert.strictEqual((yield* ask(port, "/", { headers: { Host: "a@evil.example" } })).status, 400)
    })
  )
})

describe("a middleware", () => {
  it.live("puts the routes of a router into the pool", () =>
    Effect.gen(function* () {
      const pool = yield* GreenPool.make({ maxWorkers: 1 })
      const inPool = Effect.sync(() => say(String(pool.inGreenWorker)))
      const routes = Layer.mergeAll(
        HttpRouter.add("GET", "/a", inPool),
        HttpRouter.middleware(RunInPool.middleware({ pool }), { global: true })
      )
      const web = yield* Effect.acquireRelease(
        Effect.sync(() => HttpRouter.toWebHandler(routes, { disableLogger: true })),
        ({ dispose }) => Effect.promise(dispose)
      )
      const response = yield* Effect.promise(() => web.handler(new Request("http://localhost/a")))
      assert.strictEqual(yield* Effect.promise(() => response.text()), "true")
    })
  )

  it.live("may be put around some routes only", () =>
    Effect.gen(function* () {
      const pool = yield* GreenPool.make({ maxWorkers: 1 })
      const inPool = Effect.sync(() => say(String(pool.inGreenWorker)))
      const routes = Layer.mergeAll(
        HttpRouter.add("GET", "/in", inPool).pipe(
          Layer.provide(HttpRouter.middleware(RunInPool.middleware({ pool })).layer)
        ),
        HttpRouter.add("GET", "/out", inPool)
      )
      const web = yield* Effect.acquireRelease(
        Effect.sync(() => HttpRouter.toWebHandler(routes, { disableLogger: true })),
        ({ dispose }) => Effect.promise(dispose)
      )
      const get = (path: string) =>
        Effect.promise(() => web.handler(new Request(`http://localhost${path}`)).then((response) => response.text()))
      assert.deepStrictEqual([yield* get("/in"), yield* get("/out")], ["true", "false"])
    })
  )

  it.live("has one queue for all its apps", () =>
    Effect.gen(function* () {
      const turnstile = new Turnstile()
      const middleware = yield* RunInPool.middleware({ maxWorkers: 1, capacity: 0 })
      const request = HttpServerRequest.fromWeb(new Request("http://localhost/"))
      const slow = middleware(
        Effect.as(
          Effect.promise(() => turnstile.wait()),
          say("slow")
        )
      ).pipe(Effect.provideService(Current, request))
      const first = yield* Effect.forkChild(slow, { startImmediately: true })
      const second = yield* middleware(Effect.succeed(say("quick"))).pipe(Effect.provideService(Current, request))
      assert.deepStrictEqual([second.status, middleware.counts.received, middleware.pool.running], [503, 2, 1])
      turnstile.open()
      assert.strictEqual((yield* Fiber.join(first)).status, 200)
    })
  )
})
