/**
 * @effect/sql-pg, by `SqlClient` and by its connection.
 */
import { PgClient, PgConnection } from "@effect/sql-pg"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { SqlClient } from "effect/sql/SqlClient"
import { fibers } from "../../concurrently.ts"
import type { Open } from "../contest.ts"
import { sqlWorks, texts, verify } from "../works.ts"

export const open: Open = (server, { connections, multiplex }) =>
  Effect.gen(function* () {
    const options = {
      host: server.socketDirectory,
      port: server.port,
      username: server.user,
      database: server.database
    }
    const context = yield* Layer.build(
      PgClient.layer({
        ...options,
        minConnections: connections,
        maxConnections: connections,
        multiplex: multiplex > 1,
        multiplexConcurrency: multiplex
      })
    )
    const connection = yield* PgConnection.make(options)
    verify("select", (yield* connection.query(texts.select)).rows, 1)
    return {
      ...(yield* sqlWorks(Context.get(context, SqlClient), server.rows)),
      connection: fibers("connection", connection.query(texts.select))
    }
  })
