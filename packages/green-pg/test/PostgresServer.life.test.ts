/** A server that is stopped, started, killed and left. */
import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { PostgresServer } from "green-pg/testing"
import { existsSync } from "node:fs"
import { Client } from "pg"
import { ask } from "./support/postgres.ts"

const isAlive = (processId: number | undefined) => {
  if (processId === undefined) return false
  try {
    process.kill(processId, 0)
    return true
  } catch {
    return false
  }
}

layer(PostgresServer.layer())("a server of one's own", (it) => {
  it.effect("it stops, and starts on the same port with the same data", () =>
    Effect.gen(function* () {
      const server = yield* PostgresServer
      yield* ask({ connectionString: server.url }, "CREATE TABLE kept AS SELECT 42 AS answer")
      const before = yield* server.processId
      yield* server.stop()
      assert.isUndefined(yield* server.processId)
      assert.isFalse(isAlive(before))
      assert.strictEqual(yield* Effect.flip(ask({ connectionString: server.url })), "ECONNREFUSED")
      yield* server.stop()
      yield* server.start
      const after = yield* server.processId
      assert.notStrictEqual(after, before)
      yield* server.start
      assert.strictEqual(yield* server.processId, after)
      assert.deepStrictEqual(yield* ask({ connectionString: server.url }, "TABLE kept"), [{ answer: 42 }])
      yield* server.restart("immediate")
      assert.deepStrictEqual(yield* ask({ connectionString: server.url }, "TABLE kept"), [{ answer: 42 }])
      assert.include(yield* server.log, "automatic recovery in progress")
    })
  )

  it.effect("a start that meets a stop waits for its end, and two starts are one", () =>
    Effect.gen(function* () {
      const server = yield* PostgresServer
      const before = yield* server.processId
      const stopping = yield* Effect.forkChild(server.stop(), { startImmediately: true })
      const started = Effect.andThen(server.start, server.processId)
      const [one, other] = yield* Effect.all([started, started], { concurrency: 2 })
      assert.strictEqual(one, other)
      assert.notStrictEqual(one, before)
      assert.deepStrictEqual(yield* ask({ connectionString: server.url }), [{ one: 1 }])
      yield* Fiber.join(stopping)
    })
  )

  it.effect("a smart stop waits for the clients, and one that is interrupted leaves the way to a faster one", () =>
    Effect.gen(function* () {
      const server = yield* PostgresServer
      const client = new Client(server.url)
      const ended = new Promise<string>((resolve) => client.on("error", (error) => resolve(error.message)))
      yield* Effect.promise(() => client.connect())
      const stopping = yield* Effect.forkChild(server.stop("smart"), { startImmediately: true })
      // The server has heard of it when it lets nobody else in.
      yield* Effect.repeat(Effect.exit(ask({ connectionString: server.url })), {
        until: (exit) => Exit.isFailure(exit)
      })
      assert.isUndefined(stopping.pollUnsafe())
      yield* Fiber.interrupt(stopping)
      yield* server.stop("fast")
      assert.isUndefined(yield* server.processId)
      assert.include(yield* Effect.promise(() => ended), "terminating connection")
      yield* server.start
    })
  )

  it.effect("it starts again after its postmaster was killed", () =>
    Effect.gen(function* () {
      const server = yield* PostgresServer
      const killed = yield* server.processId
      assert.isDefined(killed)
      process.kill(killed ?? 0, "SIGKILL")
      yield* Effect.repeat(server.processId, { until: (processId) => processId === undefined })
      yield* server.start
      assert.deepStrictEqual(yield* ask({ connectionString: server.url }), [{ one: 1 }])
    })
  )

  it.effect("who connects after a reload meets the new configuration", () =>
    Effect.gen(function* () {
      const server = yield* PostgresServer
      const ownTrust = { connectionString: server.url }
      yield* ask(ownTrust, "ALTER SYSTEM SET green.fresh = 'yes'")
      yield* server.reload
      assert.deepStrictEqual(yield* ask(ownTrust, "SELECT current_setting('green.fresh') AS fresh"), [{ fresh: "yes" }])
    })
  )

  it.effect("the end of the scope ends it, with a client in it, and removes its files", () =>
    Effect.gen(function* () {
      const clients: Array<Client> = []
      const left = yield* Effect.scoped(
        Effect.gen(function* () {
          const server = yield* PostgresServer.make({ tls: true })
          const client = new Client(server.url)
          client.on("error", () => {})
          yield* Effect.promise(() => client.connect())
          clients.push(client)
          return { processId: yield* server.processId, data: server.dataDirectory, sockets: server.socketDirectory }
        })
      )
      assert.isFalse(isAlive(left.processId))
      assert.deepStrictEqual([existsSync(left.data), existsSync(left.sockets)], [false, false])
      yield* Effect.promise(() => Promise.allSettled(clients.map((client) => client.end())))
    })
  )
})
