/**
 * `connection.pipeline` of a hundred statements, with one Sync at its end, against the pipeline of pgbench, which has
 * the same; and the floors: the same bytes on a plain socket of Node's, answers counted and not looked at, with one Sync
 * for all and with one for each, which independent statements need: a hundred and then a hundred again, or in flow, one
 * for each that is answered. What the server takes for a Sync bounds every client.
 */
import * as Effect from "effect/Effect"
import { alternate, type Measure, ratioRow, type Row, type Scale, type Side } from "../harness.ts"
import { atMost, both, contender, inHundreds, type Slice, speed } from "./contest.ts"
import { againstPgbench, pgbench } from "./pgbench.ts"
import { server as startServer } from "./server.ts"
import { hundred } from "./works.ts"

const rows = Effect.fnUntraced(function* (full: Scale) {
  const scale = atMost(15, full)
  const times = scale.count(500)
  const server = yield* startServer()
  const shared = { connections: 1, multiplex: hundred }
  const { bytes, libpq, wire } = yield* Effect.all(
    {
      wire: contender(server, "green-pg, wire", { client: "green-pg", ...shared }),
      libpq: contender(server, "green-pg, libpq", { client: "green-pg", driver: "libpq", ...shared }),
      bytes: contender(server, "bytes on a socket", { client: "bytes", ...shared })
    },
    { concurrency: "unbounded" }
  )
  const ours = { wire: wire.does(inHundreds("pipeline", times)), libpq: libpq.does(inHundreds("pipeline", times)) }
  const independent = wire.does({ work: "select", operations: scale.count(20_000), concurrency: hundred })
  const floor = {
    once: { ...bytes.does(inHundreds("sync once", times)), name: "bytes, one Sync" },
    each: { ...bytes.does(inHundreds("sync each", times)), name: "bytes, a Sync each" },
    flow: { ...bytes.does(inHundreds("flow", times)), name: "bytes, a Sync each, in flow" }
  }
  const c = pgbench(server, "pipeline", { connections: 1, times })

  const figures = yield* Effect.promise(() =>
    alternate(scale, [...Object.values(ours), independent, ...Object.values(floor), ...(c === undefined ? [] : [c])])
  )
  const wireTarget = { relation: ">=", must: 0.6, aim: 0.75 } as const
  return [
    againstPgbench(figures, { measure: "pipeline of 100, wire", ours: ours.wire, against: c, target: wireTarget }),
    againstPgbench(figures, { measure: "pipeline of 100, libpq", ours: ours.libpq, against: c }),
    ...both(figures, { measure: "pipeline of 100, wire", ours: ours.wire, against: floor.once }),
    againstPgbench(figures, { measure: "floor: bytes, one Sync", ours: floor.once, against: c }),
    ...both(figures, { measure: "100 fibers by SqlClient, wire", ours: independent, against: floor.flow }),
    speed(figures, { measure: "floor: bytes, a Sync each, in flow", ours: floor.flow, against: floor.once }),
    speed(figures, { measure: "floor: bytes, a Sync each", ours: floor.each, against: floor.once }),
    serverRow("floor: bytes, a Sync each", figures, floor.each, floor.once),
    serverRow("100 fibers by SqlClient, wire", figures, independent, floor.flow)
  ]
})

/** What the server takes for a statement, where the system tells. */
const serverRow = (
  measure: string,
  figures: (side: Side<Slice>) => ReadonlyArray<Slice>,
  ours: Side<Slice>,
  against: Side<Slice>
): Row => {
  const told = [...figures(ours), ...figures(against)].every(({ server = 0 }) => server > 0)
  const name = `${measure}, the server's CPU per query`
  return told
    ? ratioRow({
        measure: name,
        ours,
        against,
        figures: (side) => figures(side).map(({ server = Number.NaN }) => server),
        unit: "us"
      })
    : { measure: name, ours: "–", against: "the system does not tell the CPU time of other processes", unit: "x" }
}

export const measure: Measure = (scale) => Effect.runPromise(Effect.scoped(rows(scale)))
