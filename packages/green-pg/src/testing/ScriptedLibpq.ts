/**
 * PostgreSQL without PostgreSQL, for tests: a `Libpq` whose server is a function from statements to answers.
 *
 * Nothing has to be installed. Over `VirtualFds` there is no operating system either, and a server that never answers is a
 * deadlock that is reported; but a pool has a fiber that sleeps, which puts the verdict off. The driver is `wire`, the one that programs have by default, on bytes
 * that a real server could have sent; `driver: "libpq"`, which calls the C library, is refused.
 *
 * It is no database: it knows no tables and no SQL but the words of transactions, LISTEN and NOTIFY. A program that needs
 * one takes `PostgresServer`.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { FdIo } from "green-core"
import { functions } from "../internal/scripted/functions.ts"
import { Libpq } from "../Libpq.ts"
import type { ServerMessage } from "../PgError.ts"
import type { Row } from "../PgResult.ts"

/**
 * A statement as the server gets it. Parameters are values as the types of `PgTypes` read them; those that were sent
 * without a type, as strings are, are text. `processId` is the session's.
 *
 * @category models
 * @since 0.1.0
 */
export interface ScriptedStatement {
  readonly sql: string
  readonly parameters: ReadonlyArray<unknown>
  readonly processId: number
}

/**
 * What the server answers.
 *
 * @category models
 * @since 0.1.0
 */
export interface ScriptedAnswer {
  /**
   * The rows, with the columns of the first unless said. They are sent as parameters are: the type of a column is that of its plain
   * values (numbers widen), or of those that `PgTypes` has wrapped; without any it is text.
   */
  readonly rows?: ReadonlyArray<Row> | undefined
  /** The columns, each with the name of its type, where the rows do not tell: `{ id: "int4", tags: "text[]" }`. */
  readonly columns?: Readonly<Record<string, string>> | undefined
  /** The command tag without its number: `"SELECT"` with columns, or else the first word of the statement. */
  readonly command?: string | undefined
  /** How many rows were changed, where none are given. */
  readonly rowCount?: number | undefined
  /** What is said before. */
  readonly notices?: ReadonlyArray<Partial<ServerMessage>> | undefined
  /** The data of a COPY … TO STDOUT. */
  readonly copyOut?: ReadonlyArray<string | Uint8Array> | undefined
  /** Called with all the data of a COPY … FROM STDIN; answers as a script does. */
  readonly copyIn?: ((data: Uint8Array) => Effect.Effect<ScriptedAnswer, Partial<ServerMessage>>) | undefined
}

/**
 * What the server does. An Effect that fails is the error of the statement: `Effect.fail({ code: "23505", message: "…" })`;
 * one of severity `"FATAL"` ends the session, too. One that never ends is a server that never answers. Effects are run one
 * after the other in each session, and interrupted when they are cancelled.
 *
 * `undefined` is for what the script does not know: transactions and savepoints, LISTEN, NOTIFY, `pg_notify`, DISCARD ALL
 * and the empty statement are then answered as a server does; anything else is the error `0A000`.
 *
 * @category models
 * @since 0.1.0
 */
export type Script = (statement: ScriptedStatement) => Effect.Effect<ScriptedAnswer, Partial<ServerMessage>> | undefined

/**
 * What else there is to be scripted.
 *
 * @category models
 * @since 0.1.0
 */
export interface ScriptedLibpqOptions {
  /** Asked for each new session: why it is not to be had, if so. */
  readonly refuses?: (() => string | undefined) | undefined
  /** What the server reports of itself, beside `server_version` and the like. */
  readonly parameters?: Readonly<Record<string, string>> | undefined
}

/**
 * The layer of a scripted `Libpq`. What a script does runs where the layer is built: with its clock, its scheduler and its
 * descriptors. The end of the layer's scope interrupts it.
 *
 * @example
 * ```ts
 * import * as Effect from "effect/Effect"
 * import * as Layer from "effect/Layer"
 * import { VirtualFds } from "green-core/testing"
 * import { PgConnection } from "green-pg"
 * import { ScriptedLibpq } from "green-pg/testing"
 *
 * const Database = ScriptedLibpq.layer(({ sql, parameters: [id] }) =>
 *   sql === "SELECT name FROM users WHERE id = $1"
 *     ? Effect.succeed({ rows: id === 1 ? [{ name: "Ada" }] : [], columns: { name: "text" } })
 *     : undefined
 * )
 *
 * const program = Effect.gen(function*() {
 *   const connection = yield* PgConnection.make({ database: "app" })
 *   const { rows } = yield* connection.query("SELECT name FROM users WHERE id = $1", [1])
 *   console.log(rows)
 * }).pipe(Effect.scoped)
 *
 * await Effect.runPromise(program.pipe(Effect.provide(Layer.provideMerge(Database, VirtualFds.layer))))
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (script: Script, options: ScriptedLibpqOptions = {}): Layer.Layer<Libpq, never, FdIo> =>
  Layer.effect(
    Libpq,
    Effect.acquireRelease(
      Effect.map(Effect.context<FdIo>(), (context) => functions(script, options, context)),
      ({ end }) => Effect.sync(end)
    ).pipe(Effect.map(({ libpq }) => Libpq.of(libpq)))
  )
