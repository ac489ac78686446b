/**
 * A prepared `SELECT 1` by `SqlClient` in a hundred fibers on ten connections, each shared by ten of them, against
 * @effect/sql-pg that does the same.
 *
 * Told beside: sessions that are read only; connections shared by thirty-two, which is the default of both and keeps four
 * of the ten busy; pg, whose pool lends a connection to one statement, and its clients with pipelines; postgres.js;
 * pgbench, which has one statement on the way on each connection.
 */
import * as Effect from "effect/Effect"
import { alternate, type Measure, type Scale } from "../harness.ts"
import { atMost, both, contender, speed, type Task } from "./contest.ts"
import { againstPgbench, pgbench } from "./pgbench.ts"
import { server as startServer } from "./server.ts"
import { hundred } from "./works.ts"

const rows = Effect.fnUntraced(function* (full: Scale) {
  const scale = atMost(15, full)
  const operations = scale.count(20_000)
  const server = yield* startServer()
  const shared = { connections: 10, multiplex: 10 }
  const usual = { connections: 10, multiplex: 32 }
  const alone = { connections: 10, multiplex: 1 }
  const contenders = yield* Effect.all(
    {
      wire: contender(server, "green-pg, wire", { client: "green-pg", ...shared }),
      libpq: contender(server, "green-pg, libpq", { client: "green-pg", driver: "libpq", ...shared }),
      sqlPg: contender(server, "sql-pg", { client: "sql-pg", ...shared }),
      readOnly: contender(server, "green-pg, wire", { client: "green-pg", readOnly: true, ...shared }),
      wireUsual: contender(server, "green-pg, wire", { client: "green-pg", ...usual }),
      sqlPgUsual: contender(server, "sql-pg", { client: "sql-pg", ...usual }),
      pg: contender(server, "pg", { client: "pg", ...alone }),
      pgPipelined: contender(server, "pg, pipeline", { client: "pg", ...shared }),
      postgres: contender(server, "postgres.js", { client: "postgres", ...shared })
    },
    { concurrency: "unbounded" }
  )
  const task: Task = { work: "select", operations, concurrency: hundred }
  const wire = contenders.wire.does(task)
  const libpq = contenders.libpq.does(task)
  const sqlPg = contenders.sqlPg.does(task)
  const readOnly = contenders.readOnly.does(task)
  const usually = { wire: contenders.wireUsual.does(task), sqlPg: contenders.sqlPgUsual.does(task) }
  const peers = [contenders.pg, contenders.pgPipelined, contenders.postgres].map((peer) =>
    peer.does({ ...task, operations: scale.count(5_000) })
  )
  const c = pgbench(server, "select", { connections: 10, times: Math.ceil(operations / 20) })

  const figures = yield* Effect.promise(() =>
    alternate(scale, [
      wire,
      libpq,
      sqlPg,
      readOnly,
      ...Object.values(usually),
      ...peers,
      ...(c === undefined ? [] : [c])
    ])
  )
  const measure = "ten connections, 100 fibers, wire"
  return [
    ...both(figures, { measure, ours: wire, against: sqlPg, target: { relation: ">=", must: 1, aim: 1.3 } }),
    ...both(figures, {
      measure: "ten connections, 100 fibers, libpq",
      ours: libpq,
      against: sqlPg,
      target: { relation: ">=", must: 0.9, aim: 1 }
    }),
    ...both(figures, { measure: "the same, read only, wire", ours: readOnly, against: sqlPg }),
    ...both(figures, { measure: "the same, 32 on a connection, wire", ours: usually.wire, against: usually.sqlPg }),
    ...peers.map((against) => speed(figures, { measure, ours: wire, against })),
    againstPgbench(figures, { measure, ours: wire, against: c })
  ]
})

export const measure: Measure = (scale) => Effect.runPromise(Effect.scoped(rows(scale)))
