import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import { GreenPool, RunInPool } from "green-pool"
import { client, serveInPool, Turnstile, until } from "./support.ts"

const opened = Effect.fnUntraced(function* (options: RunInPool.NodeOptions = { maxWorkers: 1 }) {
  const turnstile = new Turnstile()
  const scope = yield* Scope.make()
  const app = yield* Scope.provide(RunInPool.node(turnstile.listener, options), scope)
  const port = yield* serveInPool(app)
  return { app, port, scope, turnstile, close: Scope.close(scope, Exit.void) }
})

describe("closing the scope", () => {
  it.live("answers everything that was received, and refuses what comes then with Connection: close", () =>
    Effect.gen(function* () {
      const { app, close, port, turnstile } = yield* opened({ maxWorkers: 1, waitForBody: true })
      const [running, queued, reading, late] = [
        yield* client(port),
        yield* client(port),
        yield* client(port),
        yield* client(port)
      ]
      running.request("GET /running")
      yield* until("it runs", () => app.pool.running === 1)
      queued.request("GET /queued")
      reading.request("POST /reading", { "Content-Length": 4 }, "bo")
      yield* until("both wait", () => app.counts.queued === 1 && app.counts.heldBytes === 2)
      const closing = yield* Effect.forkChild(close, { startImmediately: true })
      late.request("GET /late")
      const { headers, status } = yield* late.answer()
      assert.deepStrictEqual([status, headers["connection"], headers["retry-after"]], [503, "close", "1"])
      yield* until("it is closed", () => late.closed)
      assert.isUndefined(closing.pollUnsafe())
      reading.send("dy")
      turnstile.open()
      for (const one of [running, queued, reading]) assert.strictEqual((yield* one.answer()).status, 200)
      yield* Fiber.join(closing)
      assert.deepStrictEqual([app.pool.closed, app.pool.size], [true, 0])
    })
  )

  it.live("of an app that nobody has used is over at once", () =>
    Effect.gen(function* () {
      const { app, close } = yield* opened()
      yield* close
      assert.isTrue(app.pool.closed)
    })
  )

  it.live("leaves a pool alone that is not the app's own", () =>
    Effect.gen(function* () {
      const pool = yield* GreenPool.make({ maxWorkers: 1 })
      const { close } = yield* opened({ pool })
      yield* close
      assert.strictEqual(yield* pool.run(Effect.succeed(1)), 1)
    })
  )

  it.live("waits no longer than the grace: then what is left is answered 503", () =>
    Effect.gen(function* () {
      const { app, close, port, turnstile } = yield* opened({ maxWorkers: 1, grace: "20 millis" })
      const [running, queued] = [yield* client(port), yield* client(port)]
      running.request("GET /running")
      yield* until("it runs", () => app.pool.running === 1)
      queued.request("GET /queued")
      yield* until("it waits", () => app.counts.queued === 1)
      yield* close
      for (const one of [running, queued]) assert.strictEqual((yield* one.answer()).status, 503)
      assert.deepStrictEqual(turnstile.began, ["/running"])
      turnstile.open()
    })
  )
})

describe("when its pool is shut down", () => {
  it.live("an app answers 503, with Connection: close", () =>
    Effect.gen(function* () {
      const pool = yield* GreenPool.make({ maxWorkers: 1 })
      const { port } = yield* opened({ pool })
      yield* pool.shutdown()
      const one = yield* client(port)
      one.request("GET /")
      const { headers, status } = yield* one.answer()
      assert.deepStrictEqual([status, headers["connection"]], [503, "close"])
    })
  )

  it.live("with interruption, also what runs", () =>
    Effect.gen(function* () {
      const pool = yield* GreenPool.make({ maxWorkers: 1 })
      const { app, port, turnstile } = yield* opened({ pool })
      const [running, queued] = [yield* client(port), yield* client(port)]
      running.request("GET /running")
      queued.request("GET /queued")
      yield* until("both have come", () => app.counts.received === 2)
      yield* pool.shutdown({ interrupt: true })
      assert.deepStrictEqual([(yield* running.answer()).status, (yield* queued.answer()).status], [503, 503])
      turnstile.open()
    })
  )
})
