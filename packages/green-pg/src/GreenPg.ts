/**
 * PostgreSQL as an effect/sql `SqlClient`: what is written for effect/sql, or for @effect/sql-pg, works on it unchanged.
 *
 * The layer gives `SqlClient`, the `PgClient` of @effect/sql-pg (`listen`, `notify`, `json`), and the `PgPool` underneath
 * for what SQL alone does not say: COPY, pipelines, notices.
 *
 * @since 0.1.0
 */
import * as Config from "effect/Config"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { FdIo, Wait, WaitFd } from "green-core"
import { clientConfig } from "./internal/clientConfig.ts"
import { spanAttributes } from "./internal/connect/spanAttributes.ts"
import { settingsOf } from "./internal/connect/open.ts"
import {
  type Connection,
  makeCompiler,
  PgClient,
  PgClientTypeId,
  Reactivity,
  SqlClient,
  type SqlError,
  Statement
} from "./internal/effectSql.ts"
import { commit, SqlConnection } from "./internal/SqlConnection.ts"
import { sqlError } from "./internal/sqlError.ts"
import { Libpq } from "./Libpq.ts"
import type { Notification, PgConnectionShape } from "./PgConnection.ts"
import { PgError } from "./PgError.ts"
import { PgPool, type PgPoolOptions, type PgPoolShape } from "./PgPool.ts"

/**
 * What a program gets.
 *
 * @category models
 * @since 0.1.0
 */
export type GreenPg = SqlClient.SqlClient | PgClient | PgPool

/**
 * A pool, and how names and values are changed on their way.
 *
 * @category models
 * @since 0.1.0
 */
export interface GreenPgOptions extends PgPoolOptions {
  /** Changes the names of columns in results, such as from snake_case to camelCase. */
  readonly transformResultNames?: ((name: string) => string) | undefined
  /** Changes identifiers in statements. */
  readonly transformQueryNames?: ((name: string) => string) | undefined
  /** Whether the names in JSON are changed, too. `true` unless said. */
  readonly transformJson?: boolean | undefined
  /** Attributes of every span, beside those of OpenTelemetry that follow from the options. */
  readonly spanAttributes?: Readonly<Record<string, unknown>> | undefined
}

/**
 * Makes the client on a pool. It connects when something is asked for. Fails for options with which nothing could be
 * connected.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  options: GreenPgOptions
): Effect.Effect<PgClient, SqlError.SqlError, Libpq | PgPool | Reactivity.Reactivity | Scope.Scope> =>
  Effect.gen(function* () {
    const pool = yield* PgPool
    const settings = yield* Effect.mapError(Effect.fromResult(settingsOf(yield* Libpq, options)), sqlError)
    const { transformJson, transformQueryNames, transformResultNames } = options
    const reserve = Effect.mapBoth(pool.reserve, { onFailure: sqlError, onSuccess: wrapped })
    const client = yield* SqlClient.make({
      // Of streams: who takes the rows may ask for something else meanwhile, and would wait behind a stream that it shares.
      acquirer: reserve,
      borrower: (f) =>
        Effect.mapError(
          pool.use((connection) => f(wrapped(connection))),
          asSqlError
        ),
      transactionAcquirer: reserve,
      compiler: makeCompiler(transformQueryNames, transformJson),
      driver: "green-pg",
      spanAttributes: [
        ...Object.entries(options.spanAttributes ?? {}),
        ["db.system.name", "postgresql"],
        ...Object.entries(spanAttributes(settings))
      ],
      prepareTransactionControls: true,
      commit,
      isTransaction,
      releaseSavepoint: (name) => `RELEASE SAVEPOINT ${name}`,
      ...(transformResultNames === undefined
        ? {}
        : { transformRows: Statement.defaultTransforms(transformResultNames, transformJson).array })
    })
    return Object.assign(client, {
      [PgClientTypeId]: PgClientTypeId,
      config: clientConfig(options, settings),
      json: (value: unknown) => Statement.fragment([json(value, undefined, undefined)]),
      listen: (channel: string) => listen(pool, channel),
      // Within a transaction it is a part of it, and heard when that is committed.
      notify: (channel: string, payload: string) => Effect.asVoid(client`SELECT pg_notify(${channel}, ${payload})`)
    })
  })

const wrapped = (connection: PgConnectionShape): SqlConnection => new SqlConnection(connection)

const asSqlError = <E>(error: E | PgError): E | SqlError.SqlError =>
  error instanceof PgError ? sqlError(error) : error

/** While a statement that nobody waits for any more still runs, nobody knows: it is one then. */
const isTransaction = (connection: Connection): boolean =>
  connection instanceof SqlConnection && !/^(idle|unknown)$/.test(connection.connection.transaction)

/** The custom fragment that the compiler of @effect/sql-pg knows. */
const json = Statement.custom<Statement.Custom<"PgJson", unknown>>("PgJson")

/** On a connection of its own, which is given back at the end of the scope; and at once when it cannot listen. */
const listen = (
  pool: PgPoolShape,
  channel: string
): Effect.Effect<Queue.Dequeue<Notification, SqlError.SqlError>, SqlError.SqlError, Scope.Scope> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.gen(function* () {
      const scope = yield* Scope.fork(yield* Effect.scope)
      return yield* restore(Scope.provide(listenReserved(pool, channel), scope)).pipe(
        Effect.onError((cause) => Scope.close(scope, Exit.failCause(cause)))
      )
    })
  )

const listenReserved = (
  pool: PgPoolShape,
  channel: string
): Effect.Effect<Queue.Dequeue<Notification, SqlError.SqlError>, SqlError.SqlError, Scope.Scope> =>
  Effect.gen(function* () {
    const connection = yield* Effect.mapError(pool.reserve, sqlError)
    const heard = yield* Effect.mapError(connection.listen(channel), sqlError)
    const queue = yield* Effect.acquireRelease(Queue.unbounded<Notification, SqlError.SqlError>(), Queue.shutdown)
    yield* Stream.fromQueue(heard).pipe(
      Stream.runForEach((notification) => Queue.offer(queue, notification)),
      Effect.catch((error) => Queue.fail(queue, sqlError(error))),
      Effect.forkScoped
    )
    return queue
  })

/**
 * The client with a pool of its own.
 *
 * Fails with `SqlError` for options with which nothing could be connected. A server that cannot be reached shows when
 * something is asked for.
 *
 * @example
 * ```ts no-run
 * import * as Effect from "effect/Effect"
 * import * as Layer from "effect/Layer"
 * import { SqlClient } from "effect/sql/SqlClient"
 * import { Green } from "green-core"
 * import { GreenPg, Libpq } from "green-pg"
 *
 * const program = Effect.gen(function*() {
 *   const sql = yield* SqlClient
 *   return yield* sql`SELECT name FROM users WHERE id = ${1}`
 * })
 *
 * const Database = GreenPg.layer({ url: "postgresql://localhost/app" }).pipe(
 *   Layer.provide([Libpq.layer(), Green.layer])
 * )
 *
 * console.log(await Effect.runPromise(program.pipe(Effect.provide(Database))))
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: GreenPgOptions): Layer.Layer<GreenPg, SqlError.SqlError, Libpq | Wait | WaitFd | FdIo> =>
  Layer.effectContext(
    Effect.map(make(options), (client) => Context.make(PgClient, client).pipe(Context.add(SqlClient.SqlClient, client)))
  ).pipe(
    Layer.provide(Reactivity.layer),
    Layer.provideMerge(Layer.effect(PgPool, Effect.mapError(PgPool.make(options), sqlError)))
  )

/**
 * The same, from configuration.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerConfig = (
  options: Config.Wrap<GreenPgOptions>
): Layer.Layer<GreenPg, SqlError.SqlError | Config.ConfigError, Libpq | Wait | WaitFd | FdIo> =>
  Layer.unwrap(Effect.map(Config.unwrap(options), layer))

/**
 * How a transaction is begun: `BEGIN ISOLATION LEVEL … READ ONLY DEFERRABLE`.
 *
 * @category models
 * @since 0.1.0
 */
export interface TransactionOptions {
  /** That of the session unless said, which is `"read committed"` unless set. */
  readonly isolationLevel?: "read committed" | "repeatable read" | "serializable" | undefined
  readonly readOnly?: boolean | undefined
  /** A serializable transaction that is read only waits until it can run without ever failing. */
  readonly deferrable?: boolean | undefined
}

/**
 * Runs an Effect in a transaction of a certain kind. Within another transaction it is a savepoint of that one, which
 * keeps its kind.
 *
 * @category transactions
 * @since 0.1.0
 */
export const withTransaction =
  (options: TransactionOptions) =>
  <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E | SqlError.SqlError, R | SqlClient.SqlClient> =>
    Effect.flatMap(SqlClient.SqlClient, (sql) =>
      Effect.provideService(
        // Only this transaction is begun so, and none that the Effect begins on another client.
        sql.withTransaction(Effect.provideService(self, SqlClient.BeginTransaction, undefined)),
        SqlClient.BeginTransaction,
        begin(options)
      )
    )

const begin = ({ deferrable, isolationLevel, readOnly }: TransactionOptions): string =>
  [
    "BEGIN",
    ...(isolationLevel === undefined ? [] : [`ISOLATION LEVEL ${isolationLevel.toUpperCase()}`]),
    ...(readOnly === undefined ? [] : [readOnly ? "READ ONLY" : "READ WRITE"]),
    ...(deferrable === undefined ? [] : [deferrable ? "DEFERRABLE" : "NOT DEFERRABLE"])
  ].join(" ")
