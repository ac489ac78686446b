/**
 * 100,000 rows of five columns (int4, int8, text, float8, bool) of one statement, as objects: by `SqlClient` against
 * @effect/sql-pg, and against pg and postgres.js by their own interfaces.
 */
import * as Effect from "effect/Effect"
import { alternate, type Measure, type Scale } from "../harness.ts"
import { atMost, type Comparison, contender, cpu, speed, type Task } from "./contest.ts"
import { server as startServer } from "./server.ts"

const rows = Effect.fnUntraced(function* (full: Scale) {
  const scale = atMost(15, full)
  const server = yield* startServer(scale.count(100_000))
  const alone = { connections: 1, multiplex: 1 }
  const contenders = yield* Effect.all(
    {
      wire: contender(server, "green-pg, wire", { client: "green-pg", ...alone }),
      libpq: contender(server, "green-pg, libpq", { client: "green-pg", driver: "libpq", ...alone }),
      sqlPg: contender(server, "sql-pg", { client: "sql-pg", ...alone }),
      pg: contender(server, "pg", { client: "pg", ...alone }),
      postgres: contender(server, "postgres.js", { client: "postgres", ...alone })
    },
    { concurrency: "unbounded" }
  )
  const task: Task = { work: "many", operations: 2, concurrency: 1, units: server.rows }
  const wire = contenders.wire.does(task)
  const libpq = contenders.libpq.does(task)
  const sqlPg = contenders.sqlPg.does(task)
  const pg = contenders.pg.does(task)
  const postgres = contenders.postgres.does(task)

  const figures = yield* Effect.promise(() => alternate(scale, [wire, sqlPg, libpq, pg, postgres]))
  const told = (comparison: Comparison) => [speed(figures, comparison, "rows"), cpu(figures, comparison, "row")]
  const measure = { wire: "100,000 rows to objects, wire", libpq: "100,000 rows to objects, libpq" }
  return [
    ...told({ measure: measure.wire, ours: wire, against: sqlPg, target: { relation: ">=", must: 1, aim: 1.3 } }),
    ...told({ measure: measure.libpq, ours: libpq, against: pg, target: { relation: ">=", must: 1 } }),
    ...told({ measure: measure.libpq, ours: libpq, against: sqlPg }),
    speed(figures, { measure: measure.wire, ours: wire, against: pg }, "rows"),
    speed(figures, { measure: measure.wire, ours: wire, against: postgres }, "rows")
  ]
})

export const measure: Measure = (scale) => Effect.runPromise(Effect.scoped(rows(scale)))
