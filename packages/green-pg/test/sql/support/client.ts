/**
 * Clients of `GreenPg` on databases of their own, each way that a client can be: both drivers, connections shared and not.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Reactivity from "effect/reactivity/Reactivity"
import type * as Scope from "effect/Scope"
import * as SqlClient from "effect/sql/SqlClient"
import { Green } from "green-core"
import { GreenPg, Libpq, type PgError, PgPool, type PgPoolOptions, type PgPoolShape } from "green-pg"
import { PostgresServer } from "green-pg/testing"
import { createDatabase, sessions, sharedServer, type Session } from "../../support/postgres.ts"

/** Where everything is: the server of all tests, its libpq, the event loop. */
export const environment = Layer.unwrap(PostgresServer.useSync(({ libpq }) => Libpq.layer({ path: libpq }))).pipe(
  Layer.provideMerge(Layer.mergeAll(sharedServer, Green.layer)),
  Layer.orDie
)

export interface Variant {
  readonly driver: "libpq" | "wire"
  readonly multiplex: boolean
}

export const variants: ReadonlyArray<Variant> = [
  { driver: "libpq", multiplex: false },
  { driver: "libpq", multiplex: true },
  { driver: "wire", multiplex: false },
  { driver: "wire", multiplex: true }
]

export const drivers = ["libpq", "wire"] as const

/** A database of the tests of one file or suite, and how one connects to it. */
export class Database extends Context.Service<
  Database,
  { readonly name: string; readonly options: PgPoolOptions; readonly sessions: Effect.Effect<ReadonlyArray<Session>> }
>()("Database") {
  static readonly make = Effect.gen(function* () {
    const server = yield* PostgresServer
    const name = yield* createDatabase("sql")
    return Database.of({
      name,
      options: {
        host: server.socketDirectory,
        port: server.port,
        username: server.user,
        database: name,
        applicationName: name
      },
      sessions: Effect.provideService(sessions(name), PostgresServer, server)
    })
  })

  static readonly layer = Layer.effect(Database, Database.make)
}

/** A client on a database of its own, for the tests of a suite. */
export const clientLayer = (variant: Variant, options: GreenPg.GreenPgOptions = {}) =>
  Layer.unwrap(
    Database.useSync((database) =>
      GreenPg.layer({ ...database.options, ...variant, maxConnections: 4, ...options }).pipe(
        Layer.orDie,
        Layer.merge(Reactivity.layer)
      )
    )
  ).pipe(Layer.provideMerge(Database.layer), Layer.provideMerge(environment))

/** A client of a test alone, in the database of its suite. */
export const makeClient = (
  options: GreenPg.GreenPgOptions = {}
): Effect.Effect<
  Context.Context<GreenPg.GreenPg>,
  never,
  Database | Layer.Services<ReturnType<typeof GreenPg.layer>> | Scope.Scope
> =>
  Effect.flatMap(Database, (database) =>
    Effect.orDie(Layer.build(Layer.fresh(GreenPg.layer({ ...database.options, ...options }))))
  )

export const makeSql = (options: GreenPg.GreenPgOptions = {}) =>
  Effect.map(makeClient(options), Context.get(SqlClient.SqlClient))

/** A pool of a test alone, in the database of its suite. */
export const makePool = (
  options: PgPoolOptions = {}
): Effect.Effect<PgPoolShape, PgError, Database | Layer.Services<ReturnType<typeof GreenPg.layer>> | Scope.Scope> =>
  Effect.flatMap(Database, (database) => PgPool.make({ ...database.options, ...options }))

let tables = 0

/** A table that nobody else has, for the scope of the test. */
export const createTable = (columns: string): Effect.Effect<string, never, SqlClient.SqlClient | Scope.Scope> =>
  SqlClient.SqlClient.use((sql) => {
    const name = `table_${++tables}`
    return Effect.acquireRelease(Effect.as(Effect.orDie(sql.unsafe(`CREATE TABLE ${name} (${columns})`)), name), () =>
      Effect.ignore(sql.unsafe(`DROP TABLE ${name}`))
    )
  })
