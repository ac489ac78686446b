/**
 * pg: a pool; or, where statements share a connection, clients with `pipeline`, asked in turn, since its pool lends a
 * client to one statement at a time.
 */
import * as Effect from "effect/Effect"
import { Client, Pool, type QueryConfig, type QueryResult } from "pg"
import { promises } from "../../concurrently.ts"
import type { Open } from "../contest.ts"
import { parameters, texts, verify } from "../works.ts"

export const open: Open = (server, { connections, multiplex }) =>
  Effect.promise(async () => {
    const options = {
      host: server.socketDirectory,
      port: server.port,
      user: server.user,
      database: server.database
    }
    const pipelined = multiplex > 1
    const pool = new Pool({ ...options, max: connections, idleTimeoutMillis: 0 })
    const clients = pipelined
      ? Array.from({ length: connections }, () => new Client({ ...options, pipeline: true }))
      : []
    for (const client of clients) await client.connect()
    let turn = 0
    const query = (statement: QueryConfig): Promise<QueryResult<object>> =>
      (clients[turn++ % clients.length] ?? pool).query(statement)

    // With a name they are prepared.
    const select = { name: "select", text: texts.select }
    const many = { name: "many", text: texts.many }
    let asked = 0
    const parametrised = () => query({ name: "parameters", text: texts.parameters, values: parameters(asked++) })
    verify("select", (await query(select)).rows, 1)
    verify("parameters", (await parametrised()).rows, 1)
    if (server.rows > 0) verify("many", (await query(many)).rows, server.rows)
    return {
      select: promises("select", () => query(select)),
      parameters: promises("parameters", parametrised),
      many: promises("many", () => query(many))
    }
  })
