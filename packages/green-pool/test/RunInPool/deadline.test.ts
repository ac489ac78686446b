import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { TestClock } from "effect/testing"
import { RunInPool } from "green-pool"
import { client, serveInPool, Turnstile, until } from "./support.ts"

const served = Effect.fnUntraced(function* (listener: RunInPool.NodeListener, options: RunInPool.CommonOptions = {}) {
  const app = yield* RunInPool.node(listener, { maxWorkers: 1, deadline: "10 seconds", ...options })
  return { app, port: yield* serveInPool(app) }
})

describe("a deadline", () => {
  it.effect("counts from the arrival: who is queued longer is answered 504, and no listener hears of it", () =>
    Effect.gen(function* () {
      const turnstile = new Turnstile()
      const { app, port } = yield* served(turnstile.listener)
      const [first, second] = [yield* client(port), yield* client(port)]
      first.request("GET /first")
      yield* until("it runs", () => app.pool.running === 1)
      yield* TestClock.adjust("6 seconds")
      second.request("GET /second")
      yield* until("it is queued", () => app.counts.queued === 1)
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual((yield* first.answer()).status, 504)
      yield* until("the next one has the worker", () => turnstile.began.length === 2)
      const third = yield* client(port)
      third.request("GET /third")
      yield* until("it is queued", () => app.counts.queued === 1)
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual((yield* second.answer()).status, 504)
      turnstile.open()
      assert.strictEqual((yield* third.answer()).status, 200)
    })
  )

  it.effect("that passes in the queue gives 504", () =>
    Effect.gen(function* () {
      const turnstile = new Turnstile()
      const { app, port } = yield* served(() => turnstile.wait())
      const [first, second] = [yield* client(port), yield* client(port)]
      first.request("GET /first")
      yield* until("it runs", () => app.pool.running === 1)
      second.request("GET /second")
      yield* until("it is queued", () => app.counts.queued === 1)
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual([(yield* first.answer()).status, (yield* second.answer()).status], [504, 504])
      assert.deepStrictEqual([app.counts.answered + app.counts.refused, app.pool.running], [2, 0])
    })
  )

  it.effect("frees the worker; what the listener does then changes nothing", () =>
    Effect.gen(function* () {
      const turnstile = new Turnstile()
      const reported: Array<unknown> = []
      const app = yield* RunInPool.node(
        async (_, response) => {
          await turnstile.wait()
          response.setHeader("x", "y")
          response.end("too late")
        },
        { maxWorkers: 1, deadline: "1 second", report: (cause) => Effect.sync(() => reported.push(cause)) }
      )
      const port = yield* serveInPool(app)
      const one = yield* client(port)
      one.request("GET /")
      yield* until("it runs", () => app.pool.running === 1)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(app.pool.running, 0)
      assert.strictEqual((yield* one.answer()).status, 504)
      turnstile.open()
      one.request("GET /")
      assert.deepStrictEqual([(yield* one.answer(2)).body, reported], ["too late", []])
    })
  )

  it.effect("cuts off an answer that has begun", () =>
    Effect.gen(function* () {
      const { app, port } = yield* served((_, response) => {
        response.writeHead(200, { "content-length": 100 })
        response.write("half")
      })
      const one = yield* client(port)
      one.request("GET /")
      yield* until("it has begun", () => one.received.includes("half"))
      yield* TestClock.adjust("10 seconds")
      yield* until("it is closed", () => one.closed)
      assert.strictEqual(app.pool.running, 0)
    })
  )

  it.effect("counts while a body is waited for", () =>
    Effect.gen(function* () {
      const { app, port } = yield* served(new Turnstile().listener, { waitForBody: true })
      const one = yield* client(port)
      one.request("POST /", { "Content-Length": 10 }, "half")
      yield* until("half has come", () => app.counts.heldBytes === 4)
      yield* TestClock.adjust("10 seconds")
      const { headers, status } = yield* one.answer()
      assert.deepStrictEqual([status, headers["connection"], app.counts.heldBytes], [504, "close", 0])
    })
  )

  it.effect("does nothing to a request that is answered in time", () =>
    Effect.gen(function* () {
      const { app, port } = yield* served((_, response) => void response.writeHead(200, { "content-length": 0 }).end())
      const one = yield* client(port)
      for (let count = 1; count <= 3; count++) {
        one.request("GET /")
        assert.strictEqual((yield* one.answer(count)).status, 200)
        yield* TestClock.adjust("6 seconds")
      }
      assert.strictEqual(app.counts.answered, 3)
    })
  )
})
