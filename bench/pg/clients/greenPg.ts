/**
 * green-pg, by `SqlClient` and by what is below it.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { SqlClient } from "effect/sql/SqlClient"
import { Green } from "green-core"
import { GreenPg, Libpq, PgConnection, PgPool } from "green-pg"
import { fibers } from "../../concurrently.ts"
import type { Open } from "../contest.ts"
import { hundred, sqlWorks, texts, verify } from "../works.ts"

export const open: Open = (server, { connections, driver = "wire", libpq, multiplex, readOnly = false }) =>
  Effect.gen(function* () {
    const options = {
      host: server.socketDirectory,
      port: server.port,
      username: server.user,
      database: server.database,
      driver,
      readOnly,
      minConnections: connections,
      maxConnections: connections,
      multiplex
    }
    const below = Layer.merge(Libpq.layer(libpq === "system" ? {} : { path: server.libpq }), Green.layer)
    const context = yield* Layer.build(Layer.provideMerge(GreenPg.layer(options), below))
    const pool = Context.get(context, PgPool)
    const connection = yield* Effect.provide(PgConnection.make(options), context)
    if (connection.driver !== driver) throw new Error(`the driver is ${connection.driver}, not ${driver}`)
    verify("select", (yield* connection.query(texts.select)).rows, 1)
    const statements = Array.from({ length: hundred }, () => ({ sql: texts.select }))
    return {
      ...(yield* sqlWorks(Context.get(context, SqlClient), server.rows)),
      pool: fibers(
        "pool",
        pool.use((borrowed) => borrowed.query(texts.select))
      ),
      connection: fibers("connection", connection.query(texts.select)),
      pipeline: fibers("pipeline", connection.pipeline(statements))
    }
  })
