/**
 * Drives a driver without any fiber: a protocol that connects, one that sends requests and steps until they are over, and
 * exchanges that write down what they hear.
 */
import { Protocol } from "green-core"
import type { PgError } from "green-pg/PgError"
import {
  CONNECTION_BAD,
  PGRES_POLLING_OK,
  PGRES_POLLING_READING,
  type Handle,
  type LibpqFunctions
} from "../../src/Libpq.ts"
import * as PgTypes from "../../src/PgTypes.ts"
import type {
  Completion,
  CopyStart,
  Driver,
  DriverEvents,
  Exchange,
  Notification,
  QueryRequest,
  Request,
  Statement
} from "../../src/internal/Driver.ts"
import { takeOver } from "../../src/internal/wire/takeOver.ts"
import type { Field } from "../../src/PgTypes.ts"
import type { ServerMessage } from "../../src/PgError.ts"

/** What an exchange has heard, in order. */
export type Heard =
  | { readonly rows: ReadonlyArray<unknown>; readonly columns: ReadonlyArray<string> }
  | { readonly copy: CopyStart }
  | { readonly data: string }
  | { readonly complete: string }
  | { readonly error: PgError }
  | "end"

export class Recorder implements Exchange {
  readonly request: Request
  readonly heard: Array<Heard> = []
  readonly rows: Array<unknown> = []
  /** The data of a COPY, as they were handed out. */
  readonly pieces: Array<Uint8Array> = []
  paused = false
  ended = false
  error: PgError | undefined
  completion: Completion | undefined
  /** Called with what was heard, after it was written down. */
  react: (heard: Heard) => void = () => {}

  constructor(request: Request) {
    this.request = request
  }

  onRows(rows: Array<unknown>, fields: ReadonlyArray<Field>): void {
    for (const row of rows) this.rows.push(row)
    this.#hear({ rows, columns: fields.map((field) => field.name) })
  }
  onCopy(copy: CopyStart): void {
    this.#hear({ copy })
  }
  onCopyData(bytes: Uint8Array): void {
    this.pieces.push(bytes)
    this.#hear({ data: Buffer.from(bytes).toString() })
  }
  onComplete(completion: Completion): void {
    this.completion = completion
    this.#hear({ complete: `${completion.command} ${completion.rowCount}` })
  }
  onError(error: PgError): void {
    this.error = error
    this.#hear({ error })
  }
  onEnd(): void {
    this.ended = true
    this.#hear("end")
  }

  #hear(heard: Heard): void {
    this.heard.push(heard)
    this.react(heard)
  }
}

export class Events implements DriverEvents {
  readonly notices: Array<ServerMessage> = []
  readonly notifications: Array<Notification> = []
  onNotice(notice: ServerMessage): void {
    this.notices.push(notice)
  }
  onNotification(notification: Notification): void {
    this.notifications.push(notification)
  }
}

export const types = PgTypes.make()

export const query = (
  sql: string,
  parameters: ReadonlyArray<unknown> = [],
  options: Partial<Omit<QueryRequest, "_tag" | "sql" | "parameters">> = {}
): Recorder =>
  new Recorder({
    _tag: "Query",
    sql,
    parameters: parameters.map((value) => types.parameter(value)),
    statement: undefined,
    shape: "objects",
    chunk: 0,
    shares: false,
    sync: true,
    ...options
  })

export const script = (sql: string): Recorder => new Recorder({ _tag: "Script", sql })

export const statement = (name: string): Statement => ({ name, state: "new", fields: undefined })

/** Connects, and hands the connection to libpq's caller. */
export function* connect(libpq: LibpqFunctions, options: Readonly<Record<string, string>>): Protocol.Protocol<Handle> {
  const connection = libpq.PQconnectStartParams(Object.keys(options), Object.values(options))
  for (;;) {
    const polled = libpq.PQstatus(connection) === CONNECTION_BAD ? 0 : libpq.PQconnectPoll(connection)
    if (polled === PGRES_POLLING_OK) return connection
    if (polled === 0) throw new Error(libpq.PQerrorMessage(connection))
    yield Protocol.request(libpq.PQsocket(connection), polled === PGRES_POLLING_READING ? "read" : "write")
  }
}

export function* connectWire(
  libpq: LibpqFunctions,
  options: Readonly<Record<string, string>>,
  events: DriverEvents = new Events()
): Protocol.Protocol<Driver> {
  return yield* takeOver(libpq, yield* connect(libpq, options), types, events)
}

/** Steps until all of them are over, or the connection is lost: then throws why. */
export function* settle(
  driver: Driver,
  exchanges: ReadonlyArray<{ readonly ended: boolean }>
): Protocol.Protocol<void> {
  while (exchanges.some((exchange) => !exchange.ended)) {
    yield Protocol.request(driver.socket, driver.flush() ? "read" : "readwrite")
    const lost = driver.receive()
    driver.deliver()
    if (lost !== undefined) throw lost
  }
}

/** Sends them and steps until they are over. */
export function* run(driver: Driver, ...exchanges: ReadonlyArray<Recorder>): Protocol.Protocol<void> {
  for (const exchange of exchanges) driver.send(exchange)
  yield* settle(driver, exchanges)
}
