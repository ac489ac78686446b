/**
 * A prepared `SELECT 1` by `SqlClient`, one after the other in one fiber on one connection, against @effect/sql-pg, pg,
 * postgres.js and pgbench; with three parameters; on the raw connection, and how much the pool and `SqlClient` add to
 * that.
 */
import * as Effect from "effect/Effect"
import { alternate, type Measure, type Row, type Scale, type Side, summary } from "../harness.ts"
import { atMost, both, contender, type Slice, speed, type Task } from "./contest.ts"
import { againstPgbench, pgbench } from "./pgbench.ts"
import { server as startServer } from "./server.ts"
import type { Work } from "./works.ts"

const rows = Effect.fnUntraced(function* (full: Scale) {
  const scale = atMost(15, full)
  const operations = scale.count(4_000)
  const server = yield* startServer()
  const alone = { connections: 1, multiplex: 1 }
  const { libpq, pg, postgres, sqlPg, wire } = yield* Effect.all(
    {
      wire: contender(server, "green-pg, wire", { client: "green-pg", ...alone }),
      libpq: contender(server, "green-pg, libpq", { client: "green-pg", driver: "libpq", ...alone }),
      sqlPg: contender(server, "sql-pg", { client: "sql-pg", ...alone }),
      pg: contender(server, "pg", { client: "pg", ...alone }),
      postgres: contender(server, "postgres.js", { client: "postgres", ...alone })
    },
    { concurrency: "unbounded" }
  )
  const task = (work: Work): Task => ({ work, operations, concurrency: 1 })
  const ours = { wire: wire.does(task("select")), libpq: libpq.does(task("select")) }
  const peers = {
    sqlPg: sqlPg.does(task("select")),
    pg: pg.does(task("select")),
    postgres: postgres.does(task("select"))
  }
  const c = pgbench(server, "select", { connections: 1, times: operations })
  const parametrised = { wire: wire.does(task("parameters")), sqlPg: sqlPg.does(task("parameters")) }
  const raw = { wire: wire.does(task("connection")), sqlPg: sqlPg.does(task("connection")) }
  const pooled = wire.does(task("pool"))

  const figures = yield* Effect.promise(() =>
    alternate(scale, [
      ...Object.values(ours),
      ...Object.values(peers),
      ...(c === undefined ? [] : [c]),
      ...Object.values(parametrised),
      ...Object.values(raw),
      pooled
    ])
  )
  const measure = "one connection, one fiber, wire"
  const target = { relation: ">=", must: 1, aim: 1.3 } as const
  const added = (by: string, side: Side<Slice>): ReadonlyArray<Row> => [
    addition(`latency added by ${by}`, figures(side), figures(raw.wire), ({ wall }) => wall),
    addition(`CPU added by ${by}`, figures(side), figures(raw.wire), ({ cpu = Number.NaN }) => cpu)
  ]
  return [
    ...both(figures, { measure, ours: ours.wire, against: peers.sqlPg, target }),
    ...both(figures, { measure: "one connection, one fiber, libpq", ours: ours.libpq, against: peers.sqlPg, target }),
    speed(figures, { measure, ours: ours.wire, against: peers.pg }),
    speed(figures, { measure, ours: ours.wire, against: peers.postgres }),
    againstPgbench(figures, { measure, ours: ours.wire, against: c }),
    ...both(figures, {
      measure: "the same, 3 parameters, wire",
      ours: parametrised.wire,
      against: parametrised.sqlPg
    }),
    ...both(figures, { measure: "raw connection, one fiber, wire", ours: raw.wire, against: raw.sqlPg }),
    againstPgbench(figures, { measure: "raw connection, one fiber, wire", ours: raw.wire, against: c }),
    ...added("the pool", pooled),
    ...added("the pool and SqlClient", ours.wire)
  ]
})

/** How much more it takes than the raw connection in the same round. */
const addition = (
  measure: string,
  slices: ReadonlyArray<Slice>,
  raw: ReadonlyArray<Slice>,
  of: (slice: Slice) => number
): Row => {
  const bases = raw.map(of)
  const show = (figures: ReadonlyArray<number>) => `${summary(figures).median.toFixed(1)} us`
  return {
    measure,
    ours: show(slices.map(of)),
    against: `raw connection: ${show(bases)}`,
    unit: "us",
    figure: summary(slices.map((slice, round) => of(slice) - (bases[round] ?? Number.NaN)))
  }
}

export const measure: Measure = (scale) => Effect.runPromise(Effect.scoped(rows(scale)))
