/**
 * The connection that `PgConnection.make` gives: a session, and who holds it.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import type * as Sink from "effect/Sink"
import * as Stream from "effect/Stream"
import { type FdIo, type Protocol, type Wait, WaitFd } from "green-core"
import type { Handle, LibpqFunctions } from "../Libpq.ts"
import type { PgConnectionOptions, PgConnectionShape, QueryOptions, StreamOptions } from "../PgConnection.ts"
import { PgError, type ServerMessage } from "../PgError.ts"
import type { PgResult, PgStatement, Row } from "../PgResult.ts"
import * as PgTypes from "../PgTypes.ts"
import { batch } from "./batch.ts"
import { Channels } from "./Channels.ts"
import { cancelRequest } from "./connect/cancelRequest.ts"
import { open } from "./connect/open.ts"
import { copyIn } from "./copyIn.ts"
import type { Completion, Driver, DriverEvents, Notification, RowShape, TransactionStatus } from "./Driver.ts"
import { Script } from "./exchanges.ts"
import { checkText, inputError } from "./input.ts"
import { LibpqDriver } from "./libpq/LibpqDriver.ts"
import { Notices } from "./Notices.ts"
import { copyOut, rows } from "./pieces.ts"
import { Pipeline } from "./Pipeline.ts"
import type { Holder } from "./Requests.ts"
import { Session } from "./Session.ts"
import { Statements } from "./Statements.ts"
import { takeOver } from "./wire/takeOver.ts"

const defaultStatements = 100
const defaultChunk = 1000

/** What holders of the same connection share. */
interface Shared {
  readonly session: Session
  readonly channels: Channels
  readonly notices: Notices
  readonly prepare: boolean
}

export class LiveConnection implements PgConnectionShape {
  readonly #shared: Shared
  readonly #session: Session
  readonly #holder: Holder | undefined
  readonly driver: "wire" | "libpq"
  readonly processId: number
  readonly types: PgTypes.PgTypes

  private constructor(shared: Shared, holder: Holder | undefined) {
    this.#shared = shared
    this.#session = shared.session
    this.#holder = holder
    this.driver = shared.session.driver.name
    this.processId = shared.session.driver.processId
    this.types = shared.session.types
  }

  /** `onLost` is called when it is lost or closed. */
  static make(
    libpq: LibpqFunctions,
    options: PgConnectionOptions,
    onLost: (connection: LiveConnection) => void = () => {}
  ): Effect.Effect<LiveConnection, PgError, Wait | WaitFd | FdIo | Scope.Scope> {
    return Effect.gen(function* () {
      const context = yield* Effect.context<Wait | WaitFd | FdIo>()
      const types = options.types ?? PgTypes.make()
      const channels = new Channels()
      const notices = new Notices()
      const events: DriverEvents = { onNotice: notices.onNotice, onNotification: channels.onNotification }
      let handle: Handle = 0
      const speaker = options.driver ?? "wire"
      const establish = (connection: Handle): Protocol.Protocol<Driver> => {
        handle = connection
        return speakOn(libpq, connection, types, events, speaker)
      }
      const driver: Driver = yield* Effect.acquireRelease(
        open(libpq, connectOptions(options), establish),
        (driver) => Effect.sync(() => driver.close()),
        { interruptible: true }
      )
      const lease = yield* WaitFd.lease(driver.socket, { onRelease: "keep" }).pipe(
        Effect.mapError((error) => new PgError({ operation: "connect", reason: { _tag: "Wait", error } }))
      )
      const pipeline = new Pipeline(
        driver,
        Context.get(context, WaitFd),
        context,
        () => Effect.runSync(lease.release),
        (error) => {
          driver.close()
          channels.lose(error)
          notices.lose(error)
          onLost(live)
        }
      )
      yield* Effect.addFinalizer(() =>
        Effect.sync(() =>
          pipeline.lose(
            new PgError({
              operation: "close",
              reason: { _tag: "Closed", problem: "the scope of the connection has ended" }
            })
          )
        )
      )
      const session = new Session({
        pipeline,
        types,
        readOnly: options.readOnly ?? false,
        statements: new Statements(options.preparedStatements ?? defaultStatements, driver.closesStatements),
        cancel: Effect.provideContext(
          cancelRequest(libpq, () => (pipeline.failure === undefined ? handle : undefined)),
          context
        )
      })
      const live: LiveConnection = new LiveConnection(
        { session, channels, notices, prepare: options.prepare ?? true },
        undefined
      )
      return live
    })
  }

  isUsable(): boolean {
    const isReleased = this.#holder !== undefined && !this.#session.pipeline.isHeldBy(this.#holder)
    return !isReleased && this.#session.isUsable()
  }

  get transaction(): TransactionStatus {
    return this.#session.pipeline.failure === undefined ? this.#session.driver.transaction : "unknown"
  }

  parameterStatus(name: string): string | undefined {
    return this.#session.pipeline.failure === undefined ? this.#session.driver.parameterStatus(name) : undefined
  }

  query(sql: string, parameters?: ReadonlyArray<unknown>, options?: QueryOptions): Effect.Effect<PgResult, PgError> {
    return this.ask<Row, PgResult, PgError>(sql, parameters ?? none, "objects", options, toResult, itself)
  }

  queryValues(
    sql: string,
    parameters?: ReadonlyArray<unknown>,
    options?: QueryOptions
  ): Effect.Effect<PgResult<ReadonlyArray<unknown>>, PgError> {
    return this.ask(sql, parameters ?? none, "values", options, toResult<ReadonlyArray<unknown>>, itself)
  }

  /** A statement, with what is to be made of its result or error. */
  ask<A, B, E>(
    sql: string,
    values: ReadonlyArray<unknown>,
    shape: RowShape,
    options: QueryOptions | undefined,
    onResult: (rows: Array<A>, completion: Completion) => B,
    onError: (error: PgError) => E
  ): Effect.Effect<B, E> {
    const prepare = this.#prepares(options)
    return this.#session.query({ sql, values, shape, prepare, holder: this.#holder, onResult, onError })
  }

  script(sql: string): Effect.Effect<ReadonlyArray<PgResult>, PgError> {
    const asked = this.#session.perform(() => {
      checkText("script", "the SQL text", sql)
      return new Script<Row>(sql, this.#session.driver)
    }, this.#holder)
    return Effect.map(asked, ({ results }) => results)
  }

  pipeline(statements: ReadonlyArray<PgStatement>): Effect.Effect<ReadonlyArray<PgResult>, PgError> {
    return batch(this.#session, statements, this.#shared.prepare, this.#holder)
  }

  stream(sql: string, parameters?: ReadonlyArray<unknown>, options?: StreamOptions): Stream.Stream<Row, PgError> {
    const chunk = Math.max(options?.chunkSize ?? defaultChunk, 1)
    return rows<Row>(
      this.#session,
      sql,
      parameters ?? none,
      { shape: "objects", chunk, prepare: this.#prepares(options) },
      this.#holder
    )
  }

  copyIn(sql: string): Sink.Sink<number, Uint8Array, never, PgError> {
    return copyIn(this.#session, sql, this.#holder)
  }

  copyOut(sql: string): Stream.Stream<Uint8Array, PgError> {
    return copyOut(this.#session, sql, this.#holder)
  }

  listen(channel: string): Effect.Effect<Queue.Dequeue<Notification, PgError>, PgError, Scope.Scope> {
    return this.#shared.channels.listen(this.#session, channel, this.#holder)
  }

  notifications(channel: string): Stream.Stream<Notification, PgError> {
    return Stream.unwrap(Effect.map(this.listen(channel), Stream.fromQueue))
  }

  notify(channel: string, payload = ""): Effect.Effect<void, PgError> {
    return Effect.asVoid(this.queryValues("SELECT pg_notify($1, $2)", [channel, payload]))
  }

  get notices(): Stream.Stream<ServerMessage, PgError> {
    return this.#shared.notices.stream
  }

  get hold(): Effect.Effect<PgConnectionShape, PgError, Scope.Scope> {
    return this.#holder === undefined
      ? Effect.map(this.#session.hold, (holder) => new LiveConnection(this.#shared, holder))
      : Effect.succeed(this)
  }

  get reset(): Effect.Effect<void, PgError> {
    return this.script("DISCARD ALL").pipe(
      Effect.tap(Effect.sync(() => this.#session.statements.clear())),
      Effect.asVoid
    )
  }

  loadTypes(names: ReadonlyArray<string>): Effect.Effect<void, PgError> {
    return Effect.flatMap(
      this.ask<PgTypes.CatalogRow, ReadonlyArray<PgTypes.CatalogRow>, PgError>(
        PgTypes.catalogQuery,
        [names],
        "objects",
        { prepare: false },
        (rows) => rows,
        itself
      ),
      (rows) => Effect.try({ try: () => this.types.load(rows), catch: (thrown) => inputError("loadTypes", thrown) })
    )
  }

  #prepares(options: QueryOptions | undefined): boolean {
    return options?.prepare ?? this.#shared.prepare
  }
}

const connectOptions = (options: PgConnectionOptions): PgConnectionOptions =>
  options.readOnly === true
    ? { ...options, startupParameters: { ...options.startupParameters, default_transaction_read_only: "on" } }
    : options

/** The driver of an established connection, which owns it from then on; and closes it when there can be none. */
function* speakOn(
  libpq: LibpqFunctions,
  connection: Handle,
  types: PgTypes.PgTypes,
  events: DriverEvents,
  speaker: "wire" | "libpq"
): Protocol.Protocol<Driver> {
  if (speaker === "libpq") return new LibpqDriver(libpq, connection, types, events)
  let speaking = false
  try {
    const driver = yield* takeOver(libpq, connection, types, events)
    speaking = true
    return driver
  } catch (thrown) {
    // Encrypted, most likely: libpq can go on with it.
    if (!(thrown instanceof PgError) || thrown.reason._tag !== "Unsupported") throw thrown
    speaking = true
    return new LibpqDriver(libpq, connection, types, events)
  } finally {
    if (!speaking) libpq.PQfinish(connection)
  }
}

const toResult = <A>(rows: Array<A>, { command, fields, rowCount }: Completion): PgResult<A> => ({
  rows,
  fields,
  command,
  rowCount
})

const itself = (error: PgError): PgError => error

const none: ReadonlyArray<unknown> = []
