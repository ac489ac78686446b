/**
 * A prepared `SELECT 1` by `SqlClient` in a hundred fibers on one connection, which shares it among all of them, against
 * @effect/sql-pg that does the same.
 *
 * Told beside: sessions that are read only, which need fewer Syncs; thirty-two at a time, which is the default of both;
 * three parameters; pg with its pipeline and without; postgres.js; another libpq; and the floor, the same as bytes on a
 * plain socket, answers counted and not looked at.
 */
import * as Effect from "effect/Effect"
import { Libpq, PgError } from "green-pg"
import { alternate, type Measure, type Row, type Scale } from "../harness.ts"
import { atMost, both, contender, inHundreds, speed, type Task } from "./contest.ts"
import { server as startServer } from "./server.ts"
import { hundred, type Work } from "./works.ts"

/** The version of the system's libpq, or that there is none. */
const systemLibpq: Effect.Effect<string | PgError> = Libpq.use(({ version }) =>
  Effect.succeed(`${Math.floor(version / 10_000)}.${version % 10_000}`)
).pipe(
  Effect.provide(Libpq.layer()),
  Effect.catch((error) => Effect.succeed(error))
)

const rows = Effect.fnUntraced(function* (full: Scale) {
  const scale = atMost(15, full)
  const server = yield* startServer()
  const shared = { connections: 1, multiplex: hundred }
  const usual = { connections: 1, multiplex: 32 }
  const alone = { connections: 1, multiplex: 1 }
  const { bytes, libpq, pg, pgAlone, postgres, sqlPg, sqlPgUsual, wire, readOnly, readOnlyLibpq, wireUsual } =
    yield* Effect.all(
      {
        wire: contender(server, "green-pg, wire", { client: "green-pg", ...shared }),
        libpq: contender(server, "green-pg, libpq", { client: "green-pg", driver: "libpq", ...shared }),
        sqlPg: contender(server, "sql-pg", { client: "sql-pg", ...shared }),
        readOnly: contender(server, "green-pg, wire", { client: "green-pg", readOnly: true, ...shared }),
        readOnlyLibpq: contender(server, "green-pg, libpq", {
          client: "green-pg",
          driver: "libpq",
          readOnly: true,
          ...shared
        }),
        wireUsual: contender(server, "green-pg, wire", { client: "green-pg", ...usual }),
        sqlPgUsual: contender(server, "sql-pg", { client: "sql-pg", ...usual }),
        pg: contender(server, "pg, pipeline", { client: "pg", ...shared }),
        pgAlone: contender(server, "pg", { client: "pg", ...alone }),
        postgres: contender(server, "postgres.js", { client: "postgres", ...shared }),
        bytes: contender(server, "bytes on a socket", { client: "bytes", ...shared })
      },
      { concurrency: "unbounded" }
    )
  const version = yield* systemLibpq
  const system =
    version instanceof PgError
      ? undefined
      : yield* contender(server, `green-pg, libpq ${version}`, {
          client: "green-pg",
          driver: "libpq",
          libpq: "system",
          ...shared
        })
  const task = (work: Work, operations = 20_000): Task => ({
    work,
    operations: scale.count(operations),
    concurrency: hundred
  })
  const ours = { wire: wire.does(task("select")), libpq: libpq.does(task("select")) }
  const reading = { wire: readOnly.does(task("select")), libpq: readOnlyLibpq.does(task("select")) }
  const others = system?.does(task("select"))
  const against = sqlPg.does(task("select"))
  const usually = { wire: wireUsual.does(task("select")), sqlPg: sqlPgUsual.does(task("select")) }
  const parametrised = { wire: wire.does(task("parameters")), sqlPg: sqlPg.does(task("parameters")) }
  const peers = [pg, pgAlone, postgres].map((peer) => peer.does(task("select", 5_000)))
  const floor = bytes.does(inHundreds("flow", scale.count(200)))

  const figures = yield* Effect.promise(() =>
    alternate(scale, [
      ...Object.values(ours),
      against,
      ...Object.values(reading),
      ...(others === undefined ? [] : [others]),
      ...Object.values(usually),
      ...Object.values(parametrised),
      ...peers,
      floor
    ])
  )
  const measure = "one connection, 100 fibers, wire"
  return [
    ...both(figures, { measure, ours: ours.wire, against, target: { relation: ">=", must: 2.5, aim: 3 } }),
    ...both(figures, {
      measure: "one connection, 100 fibers, libpq",
      ours: ours.libpq,
      against,
      target: { relation: ">=", must: 1.5, aim: 2 }
    }),
    ...both(figures, { measure: "the same, read only, wire", ours: reading.wire, against }),
    ...both(figures, { measure: "the same, read only, libpq", ours: reading.libpq, against }),
    ...both(figures, { measure: "the same, 32 at a time, wire", ours: usually.wire, against: usually.sqlPg }),
    ...both(figures, { measure: "the same, 3 parameters, wire", ours: parametrised.wire, against: parametrised.sqlPg }),
    systemRow(version, others === undefined ? undefined : speed(figures, { measure: ofSystem, ours: others, against })),
    ...peers.map((against) => speed(figures, { measure, ours: ours.wire, against })),
    ...both(figures, { measure: "floor: bytes, a Sync each, in flow", ours: floor, against })
  ]
})

const ofSystem = "one connection, 100 fibers, the system's libpq"

/** What there is to tell of the system's libpq. */
const systemRow = (version: string | PgError, row: Row | undefined): Row =>
  row ?? {
    measure: `${ofSystem}, queries a second`,
    ours: "–",
    against: version instanceof PgError ? version.message : version,
    unit: "x"
  }

export const measure: Measure = (scale) => Effect.runPromise(Effect.scoped(rows(scale)))
