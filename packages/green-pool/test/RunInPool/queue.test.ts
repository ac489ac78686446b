import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { GreenPool, RunInPool } from "green-pool"
import { ask, client, serveInPool, Turnstile, until } from "./support.ts"

/** An app with one worker, which is busy with `/first`. */
const busy = Effect.fnUntraced(function* (options: RunInPool.CommonOptions) {
  const turnstile = new Turnstile()
  const app = yield* RunInPool.node(turnstile.listener, { maxWorkers: 1, ...options })
  const port = yield* serveInPool(app)
  yield* Effect.addFinalizer(() => Effect.sync(() => turnstile.open()))
  const first = yield* client(port)
  first.request("GET /first")
  yield* until("it runs", () => app.pool.running === 1)
  return { app, first, port, turnstile }
})

describe("when the queue is full", () => {
  it.live("a request is answered 503 with Retry-After, and its connection kept", () =>
    Effect.gen(function* () {
      const { app, port } = yield* busy({ capacity: 1, retryAfter: "1500 millis" })
      const [second, third] = [yield* client(port), yield* client(port)]
      second.request("GET /second")
      yield* until("it is queued", () => app.counts.queued === 1)
      third.request("GET /third")
      const { headers, status } = yield* third.answer()
      assert.deepStrictEqual([status, headers["retry-after"], headers["connection"]], [503, "2", "keep-alive"])
      third.request("GET /third")
      assert.strictEqual((yield* third.answer(2)).status, 503)
      assert.deepStrictEqual([app.counts.refused, app.counts.queued, app.pool.running], [2, 1, 1])
    })
  )

  it.live("and nothing may be queued, only a free worker takes a request", () =>
    Effect.gen(function* () {
      const { first, port, turnstile } = yield* busy({ capacity: 0 })
      assert.strictEqual((yield* ask(port)).headers["retry-after"], "1")
      turnstile.open()
      yield* first.answer()
      assert.strictEqual((yield* ask(port)).status, 200)
    })
  )

  it.live("unless said it has room for fifty for each worker", () =>
    Effect.gen(function* () {
      const { app, first, turnstile } = yield* busy({})
      first.send("GET /more HTTP/1.1\r\nHost: a\r\n\r\n".repeat(52))
      yield* until("all have come", () => app.counts.received === 53)
      assert.deepStrictEqual([app.counts.queued, app.counts.refused], [50, 2])
      turnstile.open()
      assert.deepStrictEqual([(yield* first.answer(51)).status, (yield* first.answer(52)).status], [200, 503])
    })
  )

  it.live("it is the app's own that counts, and the pool's", () =>
    Effect.gen(function* () {
      const pool = yield* GreenPool.make({ maxWorkers: 1, capacity: 2, overflow: "fail" })
      const turnstile = new Turnstile()
      const app = yield* RunInPool.node(turnstile.listener, { pool, capacity: 2 })
      const port = yield* serveInPool(app)
      yield* pool.submit(Effect.promise(() => turnstile.wait()))
      yield* pool.submit(Effect.void)
      const one = yield* client(port)
      one.request("GET /one")
      yield* until("it is queued", () => app.counts.queued === 1)
      assert.strictEqual((yield* ask(port)).status, 503)
      turnstile.open()
      assert.strictEqual((yield* one.answer()).status, 200)
    })
  )
})

describe("in the queue", () => {
  it.live("who comes first is first", () =>
    Effect.gen(function* () {
      const { app, port, turnstile } = yield* busy({})
      const clients = yield* Effect.forEach(["/a", "/b", "/c", "/d"], (target, index) =>
        Effect.gen(function* () {
          const one = yield* client(port)
          one.request(`GET ${target}`)
          yield* until("it is queued", () => app.counts.queued === index + 1)
          return one
        })
      )
      turnstile.open()
      yield* Effect.forEach(clients, (one) => one.answer())
      assert.deepStrictEqual(turnstile.began, ["/first", "/a", "/b", "/c", "/d"])
      assert.strictEqual(app.pool.size, 1)
    })
  )

  it.live("of a pool that does other work, those with the higher priority are first", () =>
    Effect.gen(function* () {
      const pool = yield* GreenPool.make({ maxWorkers: 1 })
      const turnstile = new Turnstile()
      const app = yield* RunInPool.node(turnstile.listener, { pool, priority: 1 })
      const port = yield* serveInPool(app)
      yield* pool.submit(Effect.promise(() => turnstile.wait("running")))
      yield* pool.submit(Effect.promise(() => turnstile.wait("background")))
      const one = yield* client(port)
      one.request("GET /urgent")
      yield* until("it is queued", () => app.counts.queued === 1)
      turnstile.open()
      yield* one.answer()
      yield* pool.join
      assert.deepStrictEqual(turnstile.began, ["running", "/urgent", "background"])
    })
  )

  it.live("a request whose client leaves is no more, and no listener hears of it", () =>
    Effect.gen(function* () {
      const { app, first, port, turnstile } = yield* busy({ capacity: 1 })
      const second = yield* client(port)
      second.request("GET /second")
      yield* until("it is queued", () => app.counts.queued === 1)
      second.leave()
      yield* until("it is dropped", () => app.counts.dropped === 1)
      assert.strictEqual(app.counts.queued, 0)
      const third = yield* client(port)
      third.request("GET /third")
      yield* until("it has the place", () => app.counts.queued === 1)
      turnstile.open()
      yield* first.answer()
      assert.strictEqual((yield* third.answer()).status, 200)
      assert.deepStrictEqual(turnstile.began, ["/first", "/third"])
    })
  )

  it.live("the pipelined requests of a connection that is lost are no more", () =>
    Effect.gen(function* () {
      const { app, port, turnstile } = yield* busy({})
      const second = yield* client(port)
      second.send("GET /second HTTP/1.1\r\nHost: a\r\n\r\n".repeat(20))
      yield* until("all are queued", () => app.counts.queued === 20)
      second.leave()
      yield* until("all are dropped", () => app.counts.dropped === 20)
      assert.strictEqual(app.counts.queued, 0)
      turnstile.open()
      yield* until("nothing runs", () => app.pool.running === 0)
      assert.deepStrictEqual(turnstile.began, ["/first"])
    })
  )

  it.live("what the pool clears is answered 503", () =>
    Effect.gen(function* () {
      const { app, port } = yield* busy({})
      const second = yield* client(port)
      second.request("GET /second")
      yield* until("it is queued", () => app.counts.queued === 1)
      assert.strictEqual(yield* app.pool.clear, 1)
      assert.strictEqual((yield* second.answer()).status, 503)
    })
  )

  it.live("it is told how long requests have waited", () =>
    Effect.gen(function* () {
      const { app, port, turnstile } = yield* busy({})
      assert.strictEqual(app.counts.waited, 0)
      const second = yield* client(port)
      second.request("GET /second")
      yield* until("it is queued", () => app.counts.queued === 1)
      const since = Date.now()
      yield* until("some time has passed", () => Date.now() - since > 20)
      turnstile.open()
      yield* second.answer()
      assert.isAtLeast(app.counts.waited, 20)
    })
  )
})
