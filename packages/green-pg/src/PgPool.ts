/**
 * A pool of connections.
 *
 * Connections are made when they are needed, up to a limit, and closed when they have been idle for a while. One that the
 * server has closed meanwhile is found before it is handed out. A statement borrows a connection for itself alone, or,
 * with `multiplex`, together with others; a transaction, a stream or a session of one's own reserves one.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Pool from "effect/Pool"
import type * as Scope from "effect/Scope"
import type { FdIo, Wait, WaitFd } from "green-core"
import { LiveConnection } from "./internal/LiveConnection.ts"
import { Libpq } from "./Libpq.ts"
import type { PgConnectionOptions, PgConnectionShape, TransactionStatus } from "./PgConnection.ts"
import { PgError } from "./PgError.ts"
import * as PgTypes from "./PgTypes.ts"

/**
 * How many connections, and how long.
 *
 * @category models
 * @since 0.1.0
 */
export interface PgPoolOptions extends PgConnectionOptions {
  /** 10 unless said. */
  readonly maxConnections?: number | undefined
  /** How many are kept open although nobody needs them: 0 unless said. */
  readonly minConnections?: number | undefined
  /** How long a connection that nobody has used is kept beyond `minConnections`: a minute unless said. */
  readonly idleTimeout?: Duration.Input | undefined
  /** After this time a connection is replaced before it is handed out again. Without limit unless said. */
  readonly connectionTTL?: Duration.Input | undefined
  /**
   * Whether several statements share a connection: `true` for up to 32, or how many. They go out without waiting for each
   * other's answers, which is several times faster, but wait for the slowest before them; and one that is interrupted is
   * not cancelled on the server while it shares. `false` unless said.
   */
  readonly multiplex?: boolean | number | undefined
  /**
   * Whether a reserved connection is made as new (`DISCARD ALL`, one more round trip) when it is given back: for programs
   * that `SET` something, or leave temporary tables and locks. `false` unless said; an open transaction is always rolled
   * back.
   */
  readonly resetOnReturn?: boolean | undefined
}

/**
 * A pool.
 *
 * @category models
 * @since 0.1.0
 */
export interface PgPoolShape {
  /** Runs an Effect with a connection, which it gives back at its end. With `multiplex` others may use it, too. */
  readonly use: <A, E, R>(
    f: (connection: PgConnectionShape) => Effect.Effect<A, E, R>
  ) => Effect.Effect<A, E | PgError, R>
  /** The same for a scope. */
  readonly get: Effect.Effect<PgConnectionShape, PgError, Scope.Scope>
  /** A connection that is held for the scope: nobody else uses it. A transaction left open is rolled back. */
  readonly reserve: Effect.Effect<PgConnectionShape, PgError, Scope.Scope>
  /** How many connections are idle and in use, and how many borrowers wait. */
  readonly stats: Effect.Effect<Pool.Stats>
}

const defaultMultiplex = 32

/**
 * The service.
 *
 * @category services
 * @since 0.1.0
 */
export class PgPool extends Context.Service<PgPool, PgPoolShape>()("green-pg/PgPool") {
  /**
   * Makes a pool, which closes its connections at the end of the scope. It fails when there is no connection to be had
   * only where one is asked for.
   */
  static readonly make = (
    options: PgPoolOptions
  ): Effect.Effect<PgPoolShape, PgError, Libpq | Wait | WaitFd | FdIo | Scope.Scope> =>
    Effect.gen(function* () {
      const max = yield* count("maxConnections", options.maxConnections ?? 10, 1)
      const min = yield* count("minConnections", options.minConnections ?? 0, 0, max)
      const { multiplex = false } = options
      const concurrency = yield* count(
        "multiplex",
        multiplex === true ? defaultMultiplex : multiplex === false ? 1 : multiplex,
        1
      )
      const types = options.types ?? PgTypes.make()
      const libpq = yield* Libpq
      const clock = yield* Clock.Clock
      const since = new WeakMap<PgConnectionShape, number>()
      const made = (connection: LiveConnection): PgConnectionShape => {
        since.set(connection, clock.currentTimeMillisUnsafe())
        return connection
      }
      const lost = (connection: PgConnectionShape): void => void Effect.runFork(Pool.invalidate(pool, connection))
      // Who waits gets another at once, and not when whoever had this one gives it back.
      const pool = yield* Pool.makeWithTTL({
        acquire: Effect.map(LiveConnection.make(libpq, { ...options, types }, lost), made),
        min,
        max,
        concurrency,
        timeToLive: options.idleTimeout ?? "1 minute",
        timeToLiveStrategy: "usage"
      })
      return new LivePool(pool, concurrency, options, since, clock)
    })

  static readonly layer = (options: PgPoolOptions): Layer.Layer<PgPool, PgError, Libpq | Wait | WaitFd | FdIo> =>
    Layer.effect(PgPool, PgPool.make(options))
}

const count = (option: string, value: number, least: number, most = Number.MAX_SAFE_INTEGER) =>
  Number.isInteger(value) && value >= least && value <= most
    ? Effect.succeed(value)
    : Effect.fail(
        new PgError({
          operation: "make a pool",
          reason: {
            _tag: "InvalidOption",
            option,
            problem: `is ${value}; it must be a whole number, at least ${least}${most === Number.MAX_SAFE_INTEGER ? "" : ` and at most ${most}`}`
          }
        })
      )

const isInTransaction = (status: TransactionStatus): boolean => status === "in transaction" || status === "failed"

class LivePool implements PgPoolShape {
  readonly #pool: Pool.Pool<PgConnectionShape, PgError>
  readonly #shared: boolean
  readonly #resets: boolean
  readonly #lifetime: number
  readonly #clock: Clock.Clock
  /** When each connection was made, in milliseconds. */
  readonly #since: WeakMap<PgConnectionShape, number>
  readonly #handedOut = new WeakSet<PgConnectionShape>()

  constructor(
    pool: Pool.Pool<PgConnectionShape, PgError>,
    concurrency: number,
    options: PgPoolOptions,
    since: WeakMap<PgConnectionShape, number>,
    clock: Clock.Clock
  ) {
    this.#since = since
    this.#pool = pool
    this.#shared = concurrency > 1
    this.#resets = options.resetOnReturn ?? false
    this.#lifetime = options.connectionTTL === undefined ? Infinity : Duration.toMillis(options.connectionTTL)
    this.#clock = clock
  }

  use<A, E, R>(f: (connection: PgConnectionShape) => Effect.Effect<A, E, R>): Effect.Effect<A, E | PgError, R> {
    return Pool.use(this.#pool, (connection): Effect.Effect<A, E | PgError, R> =>
      this.#isGood(connection)
        ? f(connection)
        : Effect.andThen(Pool.invalidate(this.#pool, connection), this.#useAnother(f))
    )
  }

  /** The pool makes another in the place of the one that was invalidated, although that one is still borrowed. */
  #useAnother<A, E, R>(f: (connection: PgConnectionShape) => Effect.Effect<A, E, R>): Effect.Effect<A, E | PgError, R> {
    return Effect.scoped(Effect.flatMap(this.get, f))
  }

  readonly get: Effect.Effect<PgConnectionShape, PgError, Scope.Scope> = Effect.suspend(() =>
    Effect.flatMap(Pool.get(this.#pool), (connection) =>
      this.#isGood(connection)
        ? Effect.succeed(connection)
        : Effect.andThen(Pool.invalidate(this.#pool, connection), this.get)
    )
  )

  get reserve(): Effect.Effect<PgConnectionShape, PgError, Scope.Scope> {
    return Effect.flatMap(this.get, (connection) => {
      const alone = this.#shared ? Pool.reserve(this.#pool, connection) : Effect.void
      const reset = this.#resets ? Effect.addFinalizer(() => this.#reset(connection)) : Effect.void
      return Effect.andThen(Effect.andThen(alone, reset), connection.hold)
    })
  }

  get stats(): Effect.Effect<Pool.Stats> {
    return Pool.stats(this.#pool)
  }

  #reset(connection: PgConnectionShape): Effect.Effect<void> {
    return Effect.suspend(() =>
      connection.isUsable()
        ? Effect.catch(connection.reset, () => Pool.invalidate(this.#pool, connection))
        : Effect.void
    )
  }

  #isGood(connection: PgConnectionShape): boolean {
    if (!connection.isUsable()) return false
    // Somebody has begun a transaction without reserving the connection, and left it. When it is shared nobody can tell.
    if (!this.#shared && isInTransaction(connection.transaction)) return false
    if (this.#lifetime === Infinity) return true
    // Each is handed out once at least: a lifetime that is shorter than connecting would give nobody any.
    if (!this.#handedOut.has(connection)) {
      this.#handedOut.add(connection)
      return true
    }
    return this.#clock.currentTimeMillisUnsafe() - (this.#since.get(connection) ?? 0) < this.#lifetime
  }
}
