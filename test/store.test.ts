/** Packages together: the store of greenio, a method of which asks a database. */
import { assert, it } from "@effect/vitest"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as SqlClient from "effect/sql/SqlClient"
import { Green, GreenTask } from "green-core"
import { GreenPg, Libpq } from "green-pg"
import { PostgresServer } from "green-pg/testing"
import { greenTask } from "green-task"

const database = Layer.unwrap(
  PostgresServer.useSync(({ libpq, url }) => GreenPg.layer({ url }).pipe(Layer.provide(Libpq.layer({ path: libpq }))))
)

class Store {
  readonly runtime = ManagedRuntime.make(database.pipe(Layer.provide([PostgresServer.layer(), Green.layer])))

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
