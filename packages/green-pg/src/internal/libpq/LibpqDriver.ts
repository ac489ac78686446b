/**
 * The driver that calls libpq for everything. It is in the library's pipeline mode whenever statements with parameters
 * are on their way, and out of it for scripts and COPY, which that mode does not know.
 */
import * as Libpq from "../../Libpq.ts"
import type { Handle, LibpqFunctions } from "../../Libpq.ts"
import { PgError, type ServerMessage } from "../../PgError.ts"
import type { Field, PgTypes } from "../../PgTypes.ts"
import type { Completion, Driver, DriverEvents, Exchange, TransactionStatus } from "../Driver.ts"
import { aborted, copyInQuery, lost, refused } from "../failures.ts"
import { isFatal } from "../serverMessage.ts"
import { Queue } from "../Queue.ts"
import { Results } from "./Results.ts"
import { Sender, type Stage } from "./Sender.ts"

/** A request that was sent. */
interface Flight {
  readonly exchange: Exchange
  stage: Stage
  /** The columns of the rows that come in chunks. */
  fields: ReadonlyArray<Field> | undefined
  /** Rows that came one by one, since this libpq knows no chunks. */
  rows: Array<unknown>
  /** Held back until the Sync is answered: the end of the transaction can fail, too, by a deferred constraint. */
  completion: Completion | undefined
  failed: boolean
}

const transactions: ReadonlyArray<TransactionStatus> = ["idle", "active", "in transaction", "failed", "unknown"]

export class LibpqDriver implements Driver {
  readonly name = "libpq"
  readonly processId: number
  readonly closesStatements: boolean
  readonly #libpq: LibpqFunctions
  /** 0 once it is closed, with which the library's functions do nothing. */
  #connection: Handle
  readonly #sender: Sender
  readonly #results: Results
  readonly #events: DriverEvents
  readonly #flights = new Queue<Flight>()
  /** The last thing that the server said before it closed the connection. */
  #fatal: ServerMessage | undefined

  constructor(libpq: LibpqFunctions, connection: Handle, types: PgTypes, events: DriverEvents) {
    this.#libpq = libpq
    this.#connection = connection
    this.#sender = new Sender(libpq, types, () => this.#lost())
    this.#results = new Results(libpq, types)
    this.#events = events
    this.processId = libpq.PQbackendPID(connection)
    this.closesStatements = libpq.PQsendClosePrepared !== undefined
    libpq.PQsetnonblocking(connection, 1)
    libpq.setNoticeReceiver(connection, (result) => {
      const message = this.#results.message(result)
      if (message === undefined) return
      if (isFatal(message)) this.#fatal = message
      else events.onNotice(message)
    })
  }

  get socket(): number {
    return this.#libpq.PQsocket(this.#connection)
  }

  get outstanding(): number {
    return this.#flights.length
  }

  get paused(): boolean {
    return this.#flights.first?.exchange.paused ?? false
  }

  get transaction(): TransactionStatus {
    return transactions[this.#libpq.PQtransactionStatus(this.#connection)] ?? "unknown"
  }

  parameterStatus(name: string): string | undefined {
    return this.#libpq.PQparameterStatus(this.#connection, name) ?? undefined
  }

  send(exchange: Exchange): void {
    const stage = this.#sender.send(this.#connection, exchange.request)
    this.#flights.add({ exchange, stage, fields: undefined, rows: [], completion: undefined, failed: false })
    if (this.outstanding === 1) this.#begin()
  }

  flush(): boolean {
    // A failure shows when the socket is read.
    return this.#libpq.PQflush(this.#connection) !== 1
  }

  receive(): PgError | undefined {
    const libpq = this.#libpq
    const connection = this.#connection
    const flight = this.#flights.first
    if (libpq.PQconsumeInput(connection) === 1) {
      if (flight !== undefined) return undefined
      // What the server says by itself can be its last word; a call reads once, and the end may come behind it.
      libpq.PQisBusy(connection)
      return this.#fatal === undefined && libpq.PQconsumeInput(connection) === 1 ? undefined : this.#lost()
    }
    return this.#lostInCopy()
  }

  deliver(): void {
    const libpq = this.#libpq
    for (let { first: flight } = this.#flights; flight !== undefined; { first: flight } = this.#flights) {
      const connection = this.#connection
      if (connection === 0 || flight.exchange.paused) break
      if (flight.stage === "copy in" || libpq.PQisBusy(connection) === 1) break
      if (flight.stage === "copy out") {
        if (!this.#copyOut(flight)) break
        continue
      }
      const result = libpq.PQgetResult(connection)
      if (result === 0) {
        this.#next(flight)
        continue
      }
      try {
        this.#take(flight, result)
      } finally {
        libpq.PQclear(result)
      }
    }
    this.#notifications()
  }

  copyData(bytes: Uint8Array): boolean {
    const answer = this.#libpq.PQputCopyData(this.#connection, bytes, bytes.byteLength)
    if (answer < 0) throw this.#lostInCopy()
    return answer === 1
  }

  copyEnd(failure: string | undefined): boolean {
    const answer = this.#libpq.PQputCopyEnd(this.#connection, failure ?? null)
    if (answer < 0) throw this.#lostInCopy()
    const flight = this.#flights.first
    if (answer === 1 && flight !== undefined) flight.stage = "script"
    return answer === 1
  }

  fail(error: PgError): void {
    for (let { first } = this.#flights; first !== undefined; { first } = this.#flights) {
      this.#flights.take()
      this.#fail(first, error)
      first.exchange.onEnd()
    }
  }

  close(): void {
    const connection = this.#connection
    if (connection === 0) return
    this.#connection = 0
    this.#libpq.PQfinish(connection)
    this.#libpq.setNoticeReceiver(connection, undefined)
  }

  /** The request at the head is the one whose results come now. */
  #begin(): void {
    const flight = this.#flights.first
    if (flight?.stage === "query") this.#chunks(flight.exchange.request)
  }

  /** Asks for the rows in chunks; to be called when the results of the query come next. Without it they come at once. */
  #chunks(request: Exchange["request"]): void {
    if (request._tag !== "Query" || request.chunk === 0) return
    const { PQsetChunkedRowsMode, PQsetSingleRowMode } = this.#libpq
    if (PQsetChunkedRowsMode === undefined) PQsetSingleRowMode(this.#connection)
    else PQsetChunkedRowsMode(this.#connection, request.chunk)
  }

  /** There are no more results of this stage. */
  #next(flight: Flight): void {
    const { request } = flight.exchange
    switch (flight.stage) {
      case "prepare":
        flight.stage = "query"
        this.#chunks(request)
        break
      case "query":
        if (request._tag === "Query" && request.sync) flight.stage = "sync"
        else this.#end(flight)
        break
      case "sync":
        // The Sync is answered yet, if it has failed; else nothing comes any more.
        if (!flight.failed || this.#libpq.PQstatus(this.#connection) === Libpq.CONNECTION_BAD) throw this.#lost()
        break
      default:
        this.#end(flight)
    }
  }

  #end(flight: Flight): void {
    this.#flights.take()
    this.#begin()
    flight.exchange.onEnd()
  }

  #take(flight: Flight, result: Handle): void {
    const { exchange } = flight
    const { request } = exchange
    const statement = request._tag === "Query" ? request.statement : undefined
    switch (this.#libpq.PQresultStatus(result)) {
      case Libpq.PGRES_PIPELINE_SYNC:
        if (flight.completion !== undefined && !flight.failed) exchange.onComplete(flight.completion)
        this.#end(flight)
        break
      case Libpq.PGRES_COMMAND_OK:
        if (flight.stage === "prepare") {
          if (statement !== undefined) statement.state = "ready"
        } else if (flight.stage !== "close") {
          this.#complete(flight, this.#results.completion(result, noFields))
        }
        break
      case Libpq.PGRES_EMPTY_QUERY:
        this.#complete(flight, { command: "", rowCount: 0, fields: noFields })
        break
      case Libpq.PGRES_TUPLES_OK:
        this.#rows(flight, result, true)
        break
      case Libpq.PGRES_SINGLE_TUPLE:
      case Libpq.PGRES_TUPLES_CHUNK:
        this.#rows(flight, result, false)
        break
      case Libpq.PGRES_COPY_IN:
        this.#copy(flight, result, "in")
        break
      case Libpq.PGRES_COPY_OUT:
        this.#copy(flight, result, "out")
        break
      case Libpq.PGRES_PIPELINE_ABORTED:
        if (flight.stage === "prepare" && statement !== undefined) statement.state = "new"
        this.#fail(flight, aborted())
        break
      default:
        if (flight.stage === "prepare" && statement !== undefined) statement.state = "new"
        this.#fail(flight, this.#error(result))
    }
  }

  #rows(flight: Flight, result: Handle, last: boolean): void {
    const { exchange } = flight
    const { request } = exchange
    const query = request._tag === "Query" ? request : undefined
    const fields = (flight.fields ??= query?.statement?.fields ?? this.#results.fields(result))
    if (query?.statement !== undefined) query.statement.fields ??= fields
    if (!flight.failed) {
      const rows = this.#results.rows(result, fields, query?.shape ?? "objects")
      if (rows instanceof PgError) this.#fail(flight, rows)
      else this.#handOut(flight, rows, fields, last)
    }
    if (!last) return
    flight.fields = undefined
    if (!flight.failed) this.#complete(flight, this.#results.completion(result, fields))
  }

  #complete(flight: Flight, completion: Completion): void {
    const { exchange } = flight
    if (exchange.request._tag === "Query" && exchange.request.sync) flight.completion = completion
    else exchange.onComplete(completion)
  }

  #handOut(flight: Flight, rows: Array<unknown>, fields: ReadonlyArray<Field>, last: boolean): void {
    const { exchange } = flight
    const { request } = exchange
    const chunk = request._tag === "Query" ? request.chunk : 0
    if (chunk === 0) {
      exchange.onRows(rows, fields)
      return
    }
    if (rows.length >= chunk && flight.rows.length === 0) {
      exchange.onRows(rows, fields)
      return
    }
    for (const row of rows) flight.rows.push(row)
    if (flight.rows.length === 0 || (!last && flight.rows.length < chunk)) return
    const gathered = flight.rows
    flight.rows = []
    exchange.onRows(gathered, fields)
  }

  #copy(flight: Flight, result: Handle, direction: "in" | "out"): void {
    const libpq = this.#libpq
    if (flight.exchange.request._tag !== "Script") {
      this.#fail(flight, copyInQuery())
      throw lost("a query was a COPY, and libpq's pipeline mode knows none")
    }
    const columnFormats: Array<number> = []
    const columns = libpq.PQnfields(result)
    for (let column = 0; column < columns; column++) columnFormats.push(libpq.PQfformat(result, column))
    flight.stage = direction === "in" ? "copy in" : "copy out"
    flight.exchange.onCopy({ direction, format: libpq.PQbinaryTuples(result) === 1 ? 1 : 0, columnFormats })
  }

  /** Hands out one piece of data; false when there is none yet. */
  #copyOut(flight: Flight): boolean {
    const data = this.#libpq.getCopyData(this.#connection)
    if (typeof data !== "number") flight.exchange.onCopyData(data)
    else if (data === 0) return false
    // At the end, or after an error, a result says how it ended.
    else flight.stage = "script"
    return true
  }

  #notifications(): void {
    for (;;) {
      const notification = this.#libpq.PQnotifies(this.#connection)
      if (notification === undefined) return
      this.#events.onNotification(notification)
    }
  }

  #fail(flight: Flight, error: PgError): void {
    if (flight.failed) return
    flight.failed = true
    flight.rows = []
    flight.exchange.onError(error)
  }

  /** Throws when it is the library that speaks, or the server's last word: then the connection is lost. */
  #error(result: Handle): PgError {
    const message = this.#results.message(result)
    if (message !== undefined && !isFatal(message)) return refused(message)
    this.#fatal = message ?? this.#fatal
    throw this.#lost()
  }

  /** Before the end of its data libpq looks at nothing that the server says of a COPY: such as why it has gone. */
  #lostInCopy(): PgError {
    const flight = this.#flights.first
    if (flight?.stage === "copy in") {
      flight.stage = "script"
      this.#libpq.PQputCopyEnd(this.#connection, null)
    }
    return this.#lost()
  }

  #lost(): PgError {
    const problem = this.#libpq.PQerrorMessage(this.#connection).trim()
    return lost(problem === "" ? "the server closed it" : problem, this.#fatal)
  }
}

const noFields: ReadonlyArray<Field> = []
