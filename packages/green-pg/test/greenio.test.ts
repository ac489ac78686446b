/** What psycopg2 with a wait callback was in greenio: green-pg with a handler. */
import { assert, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as SqlClient from "effect/sql/SqlClient"
import { Green, GreenTask, WaitFd } from "green-core"
import { GreenPg, Libpq, PgConnection } from "green-pg"
import { PostgresServer } from "green-pg/testing"
import { greenTask } from "green-task"
import { sharedServer } from "./support/postgres.ts"

const libpq = Layer.unwrap(PostgresServer.useSync(({ libpq }) => Libpq.layer({ path: libpq }))).pipe(
  Layer.provideMerge(sharedServer)
)

const ask = (statement: string) =>
  Effect.gen(function* () {
    const { url } = yield* PostgresServer
    const connection = yield* PgConnection.make({ url })
    return (yield* connection.query(statement)).rows
  }).pipe(Effect.scoped)

it("one program asks a database on the event loop, and with its thread blocked", async () => {
  const program = ask("SELECT 1 AS one").pipe(Effect.provide(libpq))
  assert.deepStrictEqual(await Effect.runPromise(program.pipe(Effect.provide(Green.layer))), [{ one: 1 }])
  assert.deepStrictEqual(Green.runSync(program), [{ one: 1 }])
})

it.live("while one connection waits for its server, others go on", () =>
  Effect.gen(function* () {
    const slow = yield* Effect.forkChild(ask("SELECT pg_sleep(600)"), { startImmediately: true })
    assert.deepStrictEqual(yield* ask("SELECT 1 AS one"), [{ one: 1 }])
    assert.isUndefined(slow.pollUnsafe())
    yield* Fiber.interrupt(slow)
  }).pipe(Effect.provide([libpq, Green.layer]))
)

it.live("each connection waits by the handler of the program that made it, at the same time as others", () =>
  Effect.gen(function* () {
    const counting = () => {
      const counter = { waits: 0 }
      const layer = WaitFd.around((_, next) => {
        counter.waits++
        return next()
      }).pipe(Layer.provideMerge(Green.layer))
      return { counter, layer }
    }
    const [one, other] = [counting(), counting()]
    const bothConnected = yield* Deferred.make<void>()
    let connected = 0
    const program = Effect.gen(function* () {
      const { url } = yield* PostgresServer
      const connection = yield* PgConnection.make({ url })
      if (++connected === 2) yield* Deferred.succeed(bothConnected, undefined)
      yield* Deferred.await(bothConnected)
      return connection
    })
    const [connection] = yield* Effect.all(
      [program.pipe(Effect.provide(one.layer)), program.pipe(Effect.provide(other.layer))],
      { concurrency: "unbounded" }
    )
    assert.isAbove(one.counter.waits, 0)
    assert.isAbove(other.counter.waits, 0)
    const before = { one: one.counter.waits, other: other.counter.waits }
    yield* connection.query("SELECT 1")
    assert.isAbove(one.counter.waits, before.one)
    assert.strictEqual(other.counter.waits, before.other)
  }).pipe(Effect.scoped, Effect.provide(libpq))
)

class Store {
  readonly runtime = ManagedRuntime.make(
    Layer.unwrap(PostgresServer.useSync(({ url }) => GreenPg.layer({ url }))).pipe(
      Layer.provide([libpq, Green.layer]),
      Layer.provide(sharedServer)
    )
  )

  ping() {
    return greenTask(this, function* () {
      const sql = yield* SqlClient.SqlClient
      const [row] = yield* sql<{ alive: boolean }>`SELECT true AS alive`
      return row?.alive
    })
  }
}

it("the ping of a store starts at once and gives a task", async () => {
  const store = new Store()
  const task = store.ping()
  assert.isTrue(GreenTask.isGreenTask(task))
  assert.isTrue(await task.promise)
  await store.runtime.dispose()
})

it.effect("without the library it fails LibraryMissing, and says what was tried and what to install", () =>
  Effect.gen(function* () {
    const error = yield* Effect.flip(Layer.build(Libpq.layer({ path: "/nowhere/libpq.so.5" })))
    assert.strictEqual(error.reason._tag, "LibraryMissing")
    assert.match(error.message, /tried \/nowhere\/libpq\.so\.5.*libpq5/s)
  })
)
