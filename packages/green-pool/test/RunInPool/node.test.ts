import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import { Greenlet, GreenLocal } from "green-core"
import { GreenPool, PoolOptionError, RunInPool } from "green-pool"
import { AsyncLocalStorage } from "node:async_hooks"
import type { ServerResponse } from "node:http"
import { ask, client, serve, serveFor, serveInPool, Turnstile, until } from "./support.ts"

const say = (response: ServerResponse, text: string): void => {
  response.setHeader("content-length", Buffer.byteLength(text))
  response.end(text)
}

const quiet = { report: () => Effect.void }

describe("a worker", () => {
  it.live("is taken while the listener runs, and free when it has ended the response", () =>
    Effect.gen(function* () {
      let running = 0
      const app = yield* RunInPool.node(
        (_, response) => {
          running = app.pool.running
          say(response, "hello")
          assert.strictEqual(app.pool.running, 1)
        },
        { maxWorkers: 1 }
      )
      const port = yield* serveFor(app, (request, response) => {
        app(request, response)
        // At once, without a turn of the loop.
        assert.strictEqual(app.pool.running, 0)
      })
      assert.strictEqual((yield* ask(port)).body, "hello")
      assert.deepStrictEqual([running, app.pool.size, app.pool.idle], [1, 1, 1])
    })
  )

  it.live("of a listener that returns before it has answered is taken until the response has been sent", () =>
    Effect.gen(function* () {
      const responses: Array<ServerResponse> = []
      const app = yield* RunInPool.node((_, response) => void responses.push(response), { maxWorkers: 1 })
      const port = yield* serveInPool(app)
      const one = yield* client(port)
      one.request("GET /")
      yield* until("it was called", () => responses.length === 1)
      assert.strictEqual(app.pool.running, 1)
      if (responses[0] !== undefined) say(responses[0], "later")
      assert.strictEqual((yield* one.answer()).body, "later")
      yield* until("it is free", () => app.pool.running === 0)
    })
  )

  it.live("of such a listener is free when the connection is lost", () =>
    Effect.gen(function* () {
      const app = yield* RunInPool.node(() => {}, { maxWorkers: 1 })
      const port = yield* serveInPool(app)
      const one = yield* client(port)
      one.request("GET /")
      yield* until("it runs", () => app.pool.running === 1)
      one.leave()
      yield* until("it is free", () => app.pool.running === 0)
      assert.strictEqual(app.counts.answered, 1)
    })
  )

  it.live("of such a listener is free when the connection of a pipelined request is lost", () =>
    Effect.gen(function* () {
      const app = yield* RunInPool.node(() => {}, { maxWorkers: 20 })
      const port = yield* serveInPool(app)
      const one = yield* client(port)
      one.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n".repeat(15))
      yield* until("all run", () => app.pool.running === 15)
      one.leave()
      yield* until("all are free", () => app.pool.running === 0)
    })
  )

  it.live("of an async listener is taken until its promise is settled, also when the response has ended", () =>
    Effect.gen(function* () {
      let finish = (): void => {}
      const app = yield* RunInPool.node(
        async (_, response) => {
          say(response, "early")
          await new Promise<void>((resolve) => (finish = resolve))
        },
        { maxWorkers: 1 }
      )
      const port = yield* serveInPool(app)
      assert.strictEqual((yield* ask(port)).body, "early")
      assert.strictEqual(app.pool.running, 1)
      finish()
      yield* until("it is free", () => app.pool.running === 0)
    })
  )

  it.live("of an async listener is taken until the response has been sent, also when the promise is settled", () =>
    Effect.gen(function* () {
      const responses: Array<ServerResponse> = []
      const app = yield* RunInPool.node(async (_, response) => void responses.push(response), { maxWorkers: 1 })
      const port = yield* serveInPool(app)
      const one = yield* client(port)
      one.request("GET /")
      yield* until("it was called", () => responses.length === 1)
      yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
      assert.strictEqual(app.pool.running, 1)
      if (responses[0] !== undefined) say(responses[0], "later")
      assert.strictEqual((yield* one.answer()).body, "later")
      yield* until("it is free", () => app.pool.running === 0)
    })
  )

  it.live("of an async listener stays taken when the client leaves, which its response tells", () =>
    Effect.gen(function* () {
      let told = false
      let finish = (): void => {}
      const app = yield* RunInPool.node(
        (_, response) => {
          response.once("close", () => (told = true))
          return new Promise<void>((resolve) => (finish = resolve))
        },
        { maxWorkers: 1 }
      )
      const port = yield* serveInPool(app)
      const one = yield* client(port)
      one.request("GET /")
      yield* until("it runs", () => app.pool.running === 1)
      one.leave()
      yield* until("it is told", () => told)
      assert.strictEqual(app.pool.running, 1)
      finish()
      yield* until("it is free", () => app.pool.running === 0)
    })
  )

  it.live("runs no more than one of them, and there are never more than there are workers", () =>
    Effect.gen(function* () {
      const turnstile = new Turnstile()
      let most = 0
      const app = yield* RunInPool.node(
        (request, response) => {
          most = Math.max(most, app.pool.running)
          return turnstile.listener(request, response)
        },
        { maxWorkers: 3 }
      )
      const port = yield* serveInPool(app)
      const answers = yield* Effect.forkChild(
        Effect.forEach(Array.from({ length: 12 }), () => ask(port), { concurrency: "unbounded" })
      )
      yield* until("all have come", () => app.counts.received === 12)
      assert.deepStrictEqual([app.pool.running, app.counts.queued, turnstile.began.length], [3, 9, 3])
      turnstile.open()
      yield* until("all are answered", () => answers.pollUnsafe() !== undefined)
      assert.deepStrictEqual([most, app.counts.answered], [3, 12])
      assert.isAbove(app.counts.waited, 0)
    })
  )
})

describe("a list of listeners", () => {
  const listeners: ReadonlyArray<RunInPool.NodeListener> = [
    (request, response) => {
      if (request.url === "/sync") say(response, "the first")
    },
    async (request, response) => {
      await Promise.resolve()
      if (request.url === "/async") say(response, "the second")
      if (request.url === "/begun") {
        response.writeHead(200, { "content-length": 5 })
        setImmediate(() => response.end("begun"))
      }
    },
    (request, response) => {
      if (request.url === "/error") throw new Error("a secret")
      if (request.url !== "/none") say(response, "the third")
    }
  ]
  const serveList = Effect.flatMap(RunInPool.node(listeners, { maxWorkers: 1, ...quiet }), serveInPool)

  for (const [target, status, body] of [
    ["/sync", 200, "the first"],
    ["/async", 200, "the second"],
    ["/begun", 200, "begun"],
    ["/other", 200, "the third"],
    ["/none", 404, "Not Found\n"],
    ["/error", 500, "Internal Server Error\n"]
  ] as const) {
    it.live(`answers ${target} with ${status}: ${body.trim()}`, () =>
      Effect.gen(function* () {
        const answer = yield* ask(yield* serveList, target)
        assert.deepStrictEqual([answer.status, answer.body], [status, body])
      })
    )
  }

  it.live("that is empty has no answer", () =>
    Effect.gen(function* () {
      const app = yield* RunInPool.node([])
      assert.strictEqual((yield* ask(yield* serveInPool(app))).status, 404)
    })
  )
})

describe("an error", () => {
  const failing = (listener: RunInPool.NodeListener) =>
    Effect.gen(function* () {
      const reported: Array<unknown> = []
      const app = yield* RunInPool.node(listener, {
        maxWorkers: 1,
        report: (cause, { url }) => Effect.sync(() => reported.push([Cause.squash(cause), url]))
      })
      return { app, reported, port: yield* serveInPool(app) }
    })
  const error = new Error("a secret")

  for (const [name, listener] of [
    [
      "that is thrown",
      (): never => {
        throw error
      }
    ],
    ["of a promise", () => Promise.reject(error)]
  ] as const) {
    it.live(`${name} is reported, and answered 500 without any detail`, () =>
      Effect.gen(function* () {
        const { app, port, reported } = yield* failing((_, response) => {
          response.setHeader("x-secret", "a secret")
          return listener()
        })
        const answer = yield* ask(port, "/broken")
        assert.deepStrictEqual([answer.status, answer.body], [500, "Internal Server Error\n"])
        assert.notInclude(JSON.stringify(answer), "secret")
        assert.deepStrictEqual(reported, [[error, "/broken"]])
        assert.deepStrictEqual([app.pool.running, app.pool.size], [0, 1])
      })
    )
  }

  it.live("after the response has begun cuts the connection off", () =>
    Effect.gen(function* () {
      const { port, reported } = yield* failing(async (_, response) => {
        response.writeHead(200, { "content-length": 100 })
        await new Promise<void>((resolve) => response.write("half", () => resolve()))
        throw error
      })
      const one = yield* client(port)
      one.request("GET /")
      yield* until("it is closed", () => one.closed)
      assert.include(one.received, "half")
      assert.lengthOf(reported, 1)
    })
  )

  it.live("after the response has ended is only reported", () =>
    Effect.gen(function* () {
      const { port, reported } = yield* failing(async (_, response) => {
        say(response, "well")
        throw error
      })
      assert.strictEqual((yield* ask(port)).body, "well")
      yield* until("it is reported", () => reported.length === 1)
    })
  )
})

describe("each request", () => {
  it.live("is a greenlet of its own, with locals of its own", () =>
    Effect.gen(function* () {
      const local = GreenLocal.make({ initial: () => ({ url: "nobody's" }) })
      const greenlets = new Set<unknown>()
      const turnstile = new Turnstile()
      const app = yield* RunInPool.node(
        async (request, response) => {
          greenlets.add(Greenlet.currentUnsafe())
          assert.strictEqual(local.getUnsafe().url, "nobody's")
          local.getUnsafe().url = request.url ?? ""
          await turnstile.wait()
          assert.strictEqual(local.getUnsafe().url, request.url)
          say(response, local.getUnsafe().url)
        },
        { maxWorkers: 2 }
      )
      const port = yield* serveInPool(app)
      const targets = ["/a", "/b", "/c", "/d", "/e"]
      const asked = yield* Effect.forkChild(
        Effect.forEach(targets, (target) => ask(port, target), { concurrency: "unbounded" })
      )
      yield* until("all have come", () => app.counts.received === 5)
      turnstile.open()
      yield* until("all are answered", () => asked.pollUnsafe() !== undefined)
      assert.strictEqual(greenlets.size, 5)
      assert.strictEqual(Greenlet.currentUnsafe(), Greenlet.main)
    })
  )

  it.live("has the asynchronous context of its arrival, also when another one's end starts it", () =>
    Effect.gen(function* () {
      const storage = new AsyncLocalStorage<string | undefined>()
      const seen: Array<unknown> = []
      const turnstile = new Turnstile()
      const app = yield* RunInPool.node(
        (request, response) => {
          seen.push([request.url, storage.getStore()])
          return turnstile.listener(request, response)
        },
        { maxWorkers: 1, waitForBody: true }
      )
      const port = yield* serveFor(app, (request, response) => storage.run(request.url, () => app(request, response)))
      const asked = yield* Effect.forkChild(
        Effect.forEach(["/a", "/b", "/c"], (target) => ask(port, target, { method: "POST", body: "body" }), {
          concurrency: "unbounded"
        })
      )
      yield* until("all have come", () => app.counts.received === 3)
      turnstile.open()
      yield* until("all are answered", () => asked.pollUnsafe() !== undefined)
      assert.lengthOf(seen, 3)
      for (const each of seen) assert.isTrue(Array.isArray(each) && each[0] === each[1])
    })
  )
})

describe("a request in a worker of the same pool", () => {
  it.live("runs in place: an app that calls another one needs no second worker", () =>
    Effect.gen(function* () {
      const pool = yield* GreenPool.make({ maxWorkers: 1 })
      const inner = yield* RunInPool.node(
        async (request, response) => {
          await Promise.resolve()
          assert.isTrue(pool.inGreenWorker)
          say(response, `inner ${request.url}`)
        },
        { pool }
      )
      const outer = yield* RunInPool.node((request, response) => inner(request, response), { pool })
      const port = yield* serveInPool(outer)
      assert.strictEqual((yield* ask(port, "/x")).body, "inner /x")
      assert.deepStrictEqual([pool.size, inner.counts.received], [1, 0])
    })
  )

  it.live("of another pool takes a worker there", () =>
    Effect.gen(function* () {
      const inner = yield* RunInPool.node((_, response) => say(response, "inner"), { maxWorkers: 1 })
      const outer = yield* RunInPool.node((request, response) => inner(request, response), { maxWorkers: 1 })
      const port = yield* serveInPool(outer)
      assert.strictEqual((yield* ask(port)).body, "inner")
      assert.deepStrictEqual([inner.counts.answered, inner.pool === outer.pool], [1, false])
    })
  )

  it.live("runs tasks of the pool in its own worker", () =>
    Effect.gen(function* () {
      const pool = yield* GreenPool.make({ maxWorkers: 1 })
      const app = yield* RunInPool.node(
        async (_, response) => say(response, await Effect.runPromise(pool.run(Effect.succeed("nested")))),
        { pool }
      )
      const port = yield* serveInPool(app)
      assert.strictEqual((yield* ask(port)).body, "nested")
    })
  )
})

describe("the URL of a request", () => {
  for (const [target, url] of [
    ["/plain?a=//b", "/plain?a=//b"],
    ["http://evil.example/path?q=1", "/path?q=1"],
    ["https://user@evil.example:8080//path", "/path"],
    ["//evil.example/path", "/evil.example/path"],
    ["///evil.example", "/evil.example"],
    ["/\\evil.example/path", "/evil.example/path"],
    ["/\\/evil.example/path", "/evil.example/path"],
    ["http://evil.example", "/"]
  ] as const) {
    it.live(`is ${url} of ${target}`, () =>
      Effect.gen(function* () {
        const app = yield* RunInPool.node((request, response) => {
          assert.strictEqual(new URL(request.url ?? "", "http://good.example").host, "good.example")
          say(response, request.url ?? "")
        })
        assert.strictEqual((yield* ask(yield* serveInPool(app), target)).body, url)
      })
    )
  }

  it.live("is * of OPTIONS *", () =>
    Effect.gen(function* () {
      const app = yield* RunInPool.node((request, response) => say(response, request.url ?? ""))
      assert.strictEqual((yield* ask(yield* serveInPool(app), "*", { method: "OPTIONS" })).body, "*")
    })
  )
})

describe("options", () => {
  it.effect("that make no sense are refused", () =>
    Effect.gen(function* () {
      const listener = (): void => {}
      const wrong = (options: RunInPool.NodeOptions) => Effect.flip(RunInPool.node(listener, options))
      for (const [option, options] of [
        ["capacity", { capacity: -1 }],
        ["maxWorkers", { maxWorkers: 0 }],
        ["waitForBody.maxBytes", { waitForBody: { maxBytes: 0.5 } }],
        ["waitForBody.maxTotalBytes", { waitForBody: { maxTotalBytes: Number.NaN } }],
        ["deadline", { deadline: 0 }]
      ] as const) {
        const error = yield* wrong(options)
        assert.instanceOf(error, PoolOptionError)
        assert.strictEqual(error.option, option)
      }
    })
  )

  it.live("may name a pool that does other work too", () =>
    Effect.gen(function* () {
      const pool = yield* GreenPool.make({ maxWorkers: 2 })
      const app = yield* RunInPool.node((_, response) => say(response, "hello"), { pool })
      assert.strictEqual(app.pool, pool)
      const port = yield* serve(app)
      assert.strictEqual((yield* ask(port)).body, "hello")
      assert.strictEqual(yield* pool.run(Effect.succeed(1)), 1)
    })
  )
})
