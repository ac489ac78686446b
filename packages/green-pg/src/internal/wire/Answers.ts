/**
 * The answers of the server: takes messages from the read buffer and hands them to the requests that wait for them, in
 * the order in which those were sent.
 *
 * It is the state machine of the protocol, and the one place that knows which message may come when. It reads and writes
 * no socket. `WireDriver` calls it; exchanges hear from it.
 */
import type { PgError, ServerMessage } from "../../PgError.ts"
import type { PgTypes } from "../../PgTypes.ts"
import type { CopyStart, DriverEvents } from "../Driver.ts"
import { isFatal } from "../serverMessage.ts"
import { readInt32 } from "../types/TypeCodec.ts"
import { aborted, copyInQuery, lost, refused, wrongEncoding } from "../failures.ts"
import type { Inbound } from "./Inbound.ts"
import * as Message from "./Message.ts"
import {
  MessageReader,
  readCommand,
  readCopyStart,
  readColumns,
  readNotification,
  readServerMessage,
  readStatus
} from "./MessageReader.ts"
import type { Outbound } from "./Outbound.ts"
import { isCopyingOut, noColumns, type Pending, unexpected, unparsed } from "./Pending.ts"
import { Queue } from "../Queue.ts"
import { type Columns, RowReaders, takeRows } from "./rows.ts"

export class Answers {
  readonly queue = new Queue<Pending>()
  readonly parameters = new Map<string, string>()
  /** `I`, `T` or `E` of the last ReadyForQuery; undefined before the first. */
  status: number | undefined
  /** Whether something was put into the output that waits for nobody: write it. */
  replied = false
  /** Set when nobody wants to hear more. */
  stopped = false
  readonly #input: Inbound
  readonly #output: Outbound
  readonly #readers: RowReaders
  readonly #events: DriverEvents
  readonly #reader = new MessageReader()
  /** After an error the server skips everything up to the next Sync. */
  #skipping = false

  constructor(input: Inbound, output: Outbound, types: PgTypes, events: DriverEvents) {
    this.#input = input
    this.#output = output
    this.#readers = new RowReaders(types)
    this.#events = events
  }

  get paused(): boolean {
    return this.queue.first?.exchange.paused === true
  }

  /** The request whose COPY waits for data. */
  get copying(): Pending | undefined {
    const { first } = this.queue
    return first?.phase === "copy in" && !first.failed ? first : undefined
  }

  /** Hands out what is complete. Throws a `PgError` when the connection is lost by that. */
  take(): void {
    const input = this.#input
    while (!this.stopped) {
      if (this.#skipping) this.#abort()
      const { first } = this.queue
      if (first?.exchange.paused === true) return
      const { bytes, end, start } = input
      if (end - start < 5) return
      const type = bytes[start] ?? 0
      const length = readInt32(bytes, start + 1)
      if (this.status === undefined) Message.checkUnasked(type, length)
      else Message.check(type, length)
      if (length >= end - start) return input.want(length + 1)
      if (type === Message.DataRow) {
        this.#rows(first)
      } else {
        input.start = start + 1 + length
        this.#message(type, start + 5, input.start, first)
      }
    }
  }

  /** Ends all that are on their way with this error. */
  failAll(error: PgError): void {
    this.stopped = true
    for (let { first } = this.queue; first !== undefined; { first } = this.queue) {
      unparsed(first)
      this.#fail(first, error)
      this.#end(first)
    }
  }

  #message(type: number, body: number, limit: number, first: Pending | undefined): void {
    const reader = this.#reader
    reader.reset(this.#input.bytes, body, limit)
    switch (type) {
      case Message.NoticeResponse:
        return this.#events.onNotice(readServerMessage(reader))
      case Message.NotificationResponse:
        return this.#events.onNotification(readNotification(reader))
      case Message.ParameterStatus:
        return this.#parameter(reader)
      case Message.ErrorResponse:
        return this.#error(readServerMessage(reader), first)
    }
    if (first === undefined) throw unexpected(type, first)
    switch (type) {
      case Message.ParseComplete:
        reader.end()
        if (first.phase !== "parse") break
        if (first.statement !== undefined) first.statement.state = "ready"
        first.phase = "bind"
        return
      case Message.BindComplete:
        reader.end()
        if (first.phase !== "bind") break
        first.phase = first.describes ? "describe" : "rows"
        return
      case Message.RowDescription:
        if (first.phase !== "describe" && first.phase !== "script") break
        return this.#described(first, readColumns(reader))
      case Message.NoData:
        reader.end()
        if (first.phase !== "describe") break
        return this.#described(first, noColumns)
      case Message.CommandComplete:
        return this.#command(first, readCommand(reader))
      case Message.EmptyQueryResponse:
        reader.end()
        return this.#command(first, { command: "", rowCount: 0 })
      case Message.ReadyForQuery:
        return this.#ready(first, readStatus(reader))
      case Message.CloseComplete:
        reader.end()
        if (first.phase !== "close") break
        if (first.statement !== undefined) first.statement.state = "new"
        return this.#end(first)
      case Message.CopyInResponse:
        return this.#copy(first, readCopyStart(reader, "in"), type)
      case Message.CopyOutResponse:
        return this.#copy(first, readCopyStart(reader, "out"), type)
      case Message.CopyData:
        if (!isCopyingOut(first)) break
        // A view of the buffer would change under the receiver.
        if (!first.failed) first.exchange.onCopyData(new Uint8Array(this.#input.bytes.subarray(body, limit)))
        return
      case Message.CopyDone:
        reader.end()
        if (!isCopyingOut(first)) break
        if (first.phase === "copy out") first.phase = "script"
        return
    }
    throw unexpected(type, first)
  }

  #parameter(reader: MessageReader): void {
    const name = reader.cString()
    const value = reader.cString()
    reader.end()
    this.parameters.set(name, value)
    if (name === "client_encoding" && value !== "UTF8") throw wrongEncoding(value)
  }

  #described(first: Pending, columns: Columns): void {
    first.columns = columns
    first.readRow = undefined
    if (first.phase === "script") return
    first.phase = "rows"
    if (first.statement !== undefined) first.statement.fields = columns.fields
  }

  #rows(first: Pending | undefined): void {
    const columns = first?.columns
    if (first === undefined || columns === undefined || (first.phase !== "rows" && first.phase !== "script")) {
      throw unexpected(Message.DataRow, first)
    }
    const error = takeRows(this.#input, first, columns, this.#readers)
    if (error !== undefined) this.#fail(first, error)
    else if (first.chunk > 0 && first.rows.length >= first.chunk) this.#handOut(first)
  }

  #handOut(first: Pending): void {
    const { rows } = first
    if (rows.length === 0) return
    first.rows = []
    first.exchange.onRows(rows, first.columns?.fields ?? noColumns.fields)
  }

  #command(first: Pending, { command, rowCount }: ReturnType<typeof readCommand>): void {
    const completion = { command, rowCount, fields: first.columns?.fields ?? noColumns.fields }
    switch (first.phase) {
      case "script":
      case "copy in":
        first.phase = "script"
        if (!first.failed) {
          this.#handOut(first)
          first.exchange.onComplete(completion)
        }
        first.columns = undefined
        return
      case "rows":
        if (!first.sync) {
          if (first.failed) return this.#end(first)
          this.queue.take()
          this.#handOut(first)
          first.exchange.onComplete(completion)
          return first.exchange.onEnd()
        }
        // The Sync ends the transaction, unless one was begun, and that can fail: a deferred constraint.
        first.completion = completion
        first.phase = "ready"
        if (first.chunk > 0 && !first.failed) this.#handOut(first)
        return
      default:
        throw unexpected(Message.CommandComplete, first)
    }
  }

  #ready(first: Pending, status: number): void {
    if (!first.sync || (first.phase !== "ready" && first.phase !== "script")) {
      throw unexpected(Message.ReadyForQuery, first)
    }
    this.status = status
    this.#skipping = false
    if (first.completion !== undefined && !first.failed) {
      this.#handOut(first)
      first.exchange.onComplete(first.completion)
    }
    this.#end(first)
  }

  #error(message: ServerMessage, first: Pending | undefined): void {
    // The server closes after it; outside of a request it is of the connection, too.
    if (isFatal(message) || first === undefined) {
      throw lost("the server has ended it", message)
    }
    const isScript = first.exchange.request._tag === "Script"
    unparsed(first)
    first.phase = "ready"
    this.#fail(first, refused(message))
    if (!isScript) this.#skipping = true
    if (!first.sync) this.#end(first)
  }

  /** Tells those who were skipped. Behind a Sync nothing was. */
  #abort(): void {
    for (let { first } = this.queue; first !== undefined; { first } = this.queue) {
      if (first.phase !== "ready") {
        unparsed(first)
        first.phase = "ready"
        this.#fail(first, aborted())
      }
      if (first.sync) return
      this.#end(first)
    }
  }

  #copy(first: Pending, copy: CopyStart, letter: number): void {
    const isIn = copy.direction === "in"
    if (first.phase === "script") {
      first.phase = isIn ? "copy in" : "copy out"
      if (!first.failed) return first.exchange.onCopy(copy)
      if (!isIn) return
      this.#output.copyFail("nobody sends it any more")
      this.replied = true
    } else if (first.phase === "rows") {
      this.#fail(first, copyInQuery())
      if (isIn) this.#refuseCopy(first)
    } else {
      throw unexpected(letter, first)
    }
  }

  /**
   * The server ignores the Sync that was sent with the query, so another one follows. When a request was sent behind it,
   * the server takes that for data, and ends the connection: there is nothing to be done.
   */
  #refuseCopy(first: Pending): void {
    if (this.queue.length > 1) return
    this.#output.copyFail("a query takes no data")
    if (first.sync) this.#output.sync()
    this.replied = true
  }

  #fail(first: Pending, error: PgError): void {
    if (first.failed) return
    first.failed = true
    first.rows = []
    first.exchange.onError(error)
  }

  #end(first: Pending): void {
    this.queue.take()
    first.exchange.onEnd()
  }
}
