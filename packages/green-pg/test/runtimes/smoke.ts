/** What green-pg does, each thing once: `npm run test:runtimes` tries it on every runtime. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Queue from "effect/Queue"
import * as Stream from "effect/Stream"
import * as SqlClient from "effect/sql/SqlClient"
import { Green } from "green-core"
import { GreenPg, Libpq, PgConnection } from "green-pg"
import { PostgresServer, ScriptedLibpq } from "green-pg/testing"
import { VirtualFds } from "green-core/testing"
import { deepStrictEqual, strictEqual } from "node:assert"

type Driver = "wire" | "libpq"

const drivers: ReadonlyArray<Driver> = ["wire", "libpq"]

/** One server for all that follows. The last thing that is tried ends it. */
const runtime = ManagedRuntime.make(PostgresServer.layer())

const select = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const rows = yield* sql<{ number: number; text: string }>`SELECT ${1}::int AS number, ${"a"}::text AS text`
  deepStrictEqual({ ...rows[0] }, { number: 1, text: "a" })
  strictEqual((yield* Effect.flip(sql`SELECT 1 / 0`))._tag, "SqlError")
  strictEqual((yield* sql`SELECT * FROM generate_series(1, 20000)`).length, 20_000)
})

const client = (driver: Driver) => () =>
  runtime.runPromise(
    PostgresServer.use(({ libpq, url }) =>
      Effect.provide(
        select,
        GreenPg.layer({ url, driver, maxConnections: 1 }).pipe(
          Layer.provide([Libpq.layer({ path: libpq }), Green.layer])
        )
      )
    )
  )

const connected = (driver: Driver, url: string) =>
  Effect.gen(function* () {
    const connection = yield* PgConnection.make({ url, driver })
    strictEqual(connection.driver, driver)
    return connection
  })

/** COPY both ways, a statement that is cancelled, a notification: over a raw connection. */
const talk = (driver: Driver, url: string) =>
  Effect.gen(function* () {
    const connection = yield* connected(driver, url)
    yield* connection.query("CREATE TEMPORARY TABLE t (a int)")
    const lines = Stream.make(new TextEncoder().encode("1\n2\n3\n"))
    strictEqual(yield* Stream.run(lines, connection.copyIn("COPY t FROM STDIN")), 3)
    const copied = connection.copyOut("COPY t TO STDOUT").pipe(Stream.decodeText, Stream.mkString)
    strictEqual(yield* copied, "1\n2\n3\n")
    const late = yield* Effect.timeoutOption(connection.query("SELECT pg_sleep(60)"), "50 millis")
    strictEqual(late._tag, "None")
    const heard = yield* connection.listen("news")
    yield* connection.notify("news", "hello")
    strictEqual((yield* Queue.take(heard)).payload, "hello")
  }).pipe(Effect.scoped)

const onTheLoop = (driver: Driver) => () =>
  runtime.runPromise(
    PostgresServer.use(({ libpq, url }) =>
      Effect.provide(talk(driver, url), [Libpq.layer({ path: libpq }), Green.layer])
    )
  )

const blocked = async () => {
  const { libpq, url } = await runtime.runPromise(PostgresServer)
  for (const driver of drivers) Green.runSync(Effect.provide(talk(driver, url), Libpq.layer({ path: libpq })))
}

const scripted = Effect.gen(function* () {
  const connection = yield* PgConnection.make({ url: "postgresql://scripted/" })
  deepStrictEqual((yield* connection.query("SELECT")).rows, [{ number: 1 }])
}).pipe(
  Effect.scoped,
  Effect.provide(
    Layer.provideMerge(
      ScriptedLibpq.layer(() => Effect.succeed({ rows: [{ number: 1 }] })),
      VirtualFds.layer
    )
  )
)

export const smoke = {
  "`PostgresServer`": () => runtime.runPromise(PostgresServer),
  "`SqlClient`, driver wire": client("wire"),
  "`SqlClient`, driver libpq": client("libpq"),
  "COPY, LISTEN, a cancelled statement, driver wire": onTheLoop("wire"),
  "COPY, LISTEN, a cancelled statement, driver libpq": onTheLoop("libpq"),
  "the same in `Green.runSync`, both drivers": blocked,
  "`ScriptedLibpq` over `VirtualFds`": () => Effect.runPromise(scripted),
  "the server ends with its scope": () => runtime.dispose()
}
