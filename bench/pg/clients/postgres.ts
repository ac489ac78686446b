/**
 * postgres.js, which shares connections among statements, a hundred on each, unless told.
 */
import * as Effect from "effect/Effect"
import postgres from "postgres"
import { promises } from "../../concurrently.ts"
import type { Open } from "../contest.ts"
import { parameters, verify } from "../works.ts"

export const open: Open = (server, { connections }) =>
  Effect.promise(async () => {
    const sql = postgres({
      host: server.socketDirectory,
      port: server.port,
      user: server.user,
      database: server.database,
      max: connections
    })
    let asked = 0
    const select = () => sql`SELECT 1 AS a`
    const many = () => sql`SELECT a, b, c, d, e FROM many`
    const parametrised = () => {
      const [a, b, c] = parameters(asked++)
      return sql`SELECT ${a}::int4 AS a, ${b}::text AS b, ${c}::float8 AS c`
    }
    verify("select", await select(), 1)
    verify("parameters", await parametrised(), 1)
    if (server.rows > 0) verify("many", await many(), server.rows)
    return {
      select: promises("select", select),
      parameters: promises("parameters", parametrised),
      many: promises("many", many)
    }
  })
