/**
 * The server of all tests, databases of their own on it, and what only an administrator sees.
 *
 * Asked by `pg`, on the socket of the server, so that what is under test has no part in it.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { PostgresServer } from "green-pg/testing"
import { randomUUID } from "node:crypto"
import * as Fs from "node:fs/promises"
import * as Path from "node:path"
import { Client, type ClientConfig, type QueryResultRow } from "pg"
import { inject } from "vitest"

/** What a process of tests is told of the server of all. */
export type Shared = Pick<
  PostgresServer["Service"],
  "host" | "port" | "socketDirectory" | "dataDirectory" | "database" | "user" | "password" | "url" | "libpq" | "tls"
> & { readonly processId: number | undefined }

const isEverybodys = Effect.die(new Error("this server is everybody's: a test that stops one makes one of its own"))

/**
 * The server of all tests. It trusts everybody, speaks TLS, and has, beside `postgres`, the superusers `scram_user`,
 * with the password `secret`, and `tls_user`, who is let in with TLS only. A test makes a database of its own on it, and
 * a server of its own to stop or to configure.
 */
export const sharedServer: Layer.Layer<PostgresServer> = Layer.sync(PostgresServer, () => {
  const { processId, ...shared } = inject("postgres")
  return PostgresServer.of({
    ...shared,
    processId: Effect.succeed(processId),
    log: Effect.promise(() => Fs.readFile(Path.join(shared.dataDirectory, "../log"), "utf8")),
    start: Effect.void,
    stop: () => isEverybodys,
    restart: () => isEverybodys,
    reload: isEverybodys
  })
})

type Address = Pick<PostgresServer["Service"], "socketDirectory" | "port" | "user" | "password">

const administrator = async ({ password, port, socketDirectory, user }: Address, database: string): Promise<Client> => {
  const client = new Client({
    host: socketDirectory,
    port,
    user,
    password,
    database,
    application_name: "administrator"
  })
  // A server that goes away ends the session; that is for the statement to say.
  client.on("error", () => {})
  await client.connect()
  return client
}

/**
 * The administrator of the server of all tests, who stays as long as the process: a new session for each statement costs
 * several times what the statement does. He does one thing after the other.
 */
class Resident {
  #client: Promise<Client> | undefined
  #last: Promise<unknown> = Promise.resolve()

  rows<Row extends QueryResultRow>(statement: string, parameters: ReadonlyArray<unknown>): Promise<ReadonlyArray<Row>> {
    const rows = this.#last.then(async () => {
      const client = await (this.#client ??= administrator(inject("postgres"), "postgres"))
      return (await client.query<Row>(statement, [...parameters])).rows
    })
    this.#last = rows.catch(() => {})
    return rows
  }
}

const resident = new Resident()

/** A statement of the superuser. */
export const administer = <Row extends QueryResultRow>(
  statement: string,
  parameters: ReadonlyArray<unknown> = [],
  database = "postgres"
): Effect.Effect<ReadonlyArray<Row>, never, PostgresServer> =>
  PostgresServer.use((server) =>
    server.socketDirectory === inject("postgres").socketDirectory && database === "postgres"
      ? Effect.promise(() => resident.rows<Row>(statement, parameters))
      : Effect.acquireUseRelease(
          Effect.promise(() => administrator(server, database)),
          (client) => Effect.promise(async () => (await client.query<Row>(statement, [...parameters])).rows),
          (client) => Effect.promise(() => client.end())
        )
  )

/** A session of anybody's for one statement. It fails with the code of the error. */
export const ask = (config: ClientConfig, statement = "SELECT 1 AS one") =>
  Effect.tryPromise({
    try: async () => {
      const client = new Client(config)
      client.on("error", () => {})
      try {
        await client.connect()
        return (await client.query(statement)).rows
      } finally {
        await client.end()
      }
    },
    catch: (cause) => (cause instanceof Error && "code" in cause ? String(cause.code) : String(cause))
  })

/** An empty database, for as long as the scope. Sessions that are still in it at the end are ended. */
export const createDatabase = (prefix = "test"): Effect.Effect<string, never, PostgresServer | Scope.Scope> =>
  Effect.acquireRelease(
    Effect.suspend(() => {
      const name = `${prefix}_${randomUUID().replaceAll("-", "")}`
      return Effect.as(administer(`CREATE DATABASE "${name}"`), name)
    }),
    (name) =>
      Effect.gen(function* () {
        const server = yield* PostgresServer
        // It goes with the server, should that be stopped.
        if ((yield* server.processId) === undefined) return
        yield* administer(`DROP DATABASE IF EXISTS "${name}" WITH (FORCE)`)
      })
  )

export interface Session {
  readonly processId: number
  readonly applicationName: string
  readonly database: string
  readonly state: string | null
  readonly query: string
  /**
   * Whether it is in `pg_sleep`. One that is active may still read what is to be run: a cancel request that comes then is
   * ignored, and the connection does not go back to its pool.
   */
  readonly isAsleep: boolean
}

/** The sessions of clients that the server has, but for the one that asks; those with one application_name, if given. */
export const sessions = (applicationName?: string): Effect.Effect<ReadonlyArray<Session>, never, PostgresServer> =>
  administer<Session>(
    `SELECT pid AS "processId", application_name AS "applicationName", datname AS database, state, query,
            wait_event IS NOT DISTINCT FROM 'PgSleep' AS "isAsleep"
     FROM pg_stat_activity
     WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() AND application_name = coalesce($1, application_name)
     ORDER BY pid`,
    [applicationName]
  )

/** Ends sessions, as `pg_terminate_backend`, and waits until they are gone. */
export const terminate = (...processIds: ReadonlyArray<number>): Effect.Effect<void, never, PostgresServer> =>
  Effect.asVoid(administer("SELECT pg_terminate_backend(pid, 10000) FROM unnest($1::int[]) AS pid", [processIds]))
