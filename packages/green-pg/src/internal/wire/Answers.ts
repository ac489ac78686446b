/**
 * The answers of the server: takes messages from the read buffer and hands them to the requests that wait for them, in
 * the order in which those were sent.
 *
 * It is the state machine of the protocol, and the one place that knows which message may come when. It reads and writes
 * no socket. `WireDriver` calls it; exchanges hear from it.
 */
import { PgError, type ServerMessage } from "../../PgError.ts"
import type { PgTypes } from "../../PgTypes.ts"
import type { DriverEvents } from "../Driver.ts"
import { readInt32 } from "../types/TypeCodec.ts"
import type { Inbound } from "./Inbound.ts"
import * as Message from "./Message.ts"
import {
  MessageReader,
  readCommand,
  readCopyStart,
  readColumns,
  readNotification,
  readServerMessage
} from "./MessageReader.ts"
import type { Outbound } from "./Outbound.ts"
import { noColumns, type Pending } from "./Pending.ts"
import { Queue } from "./Queue.ts"
import { checkRow, type Columns, RowReaders, unreadable } from "./rows.ts"

export class Answers {
  readonly queue = new Queue<Pending>()
  readonly parameters = new Map<string, string>()
  /** `I`, `T` or `E` of the last ReadyForQuery. */
  status = 0x49
  /** The error after which the server closes the connection. */
  fatal: ServerMessage | undefined
  /** Whether something was put into the output that waits for nobody: write it. */
  replied = false
  /** Set when nobody wants to hear more. */
  stopped = false
  readonly #input: Inbound
  readonly #output: Outbound
  readonly #types: PgTypes
  readonly #readers: RowReaders
  readonly #events: DriverEvents
  readonly #reader = new MessageReader()
  /** After an error the server skips everything up to the next Sync. */
  #skipping = false

  constructor(input: Inbound, output: Outbound, types: PgTypes, events: DriverEvents) {
    this.#input = input
    this.#output = output
    this.#types = types
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

  /** Hands out what is complete. Throws a `ProtocolViolation`, after which there is no going on. */
  take(): void {
    const input = this.#input
    while (!this.stopped && this.fatal === undefined) {
      if (this.#skipping) this.#abort()
      const { first } = this.queue
      if (first?.exchange.paused === true) return
      const { bytes, end, start } = input
      if (end - start < 5) return
      const type = bytes[start] ?? 0
      const length = readInt32(bytes, start + 1)
      Message.check(type, length)
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
      case Message.ReadyForQuery: {
        const status = reader.uint8()
        reader.end()
        return this.#ready(first, status)
      }
      case Message.CloseComplete:
        reader.end()
        if (first.phase !== "close") break
        if (first.statement !== undefined) first.statement.state = "new"
        return this.#end(first)
      case Message.CopyInResponse:
        return this.#copyIn(first, reader)
      case Message.CopyOutResponse:
        return this.#copyOut(first, reader)
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

  /** Rows, as many as are complete and as belong into one chunk. */
  #rows(first: Pending | undefined): void {
    const input = this.#input
    const { bytes, end } = input
    const columns = first?.columns
    if (first === undefined || columns === undefined || (first.phase !== "rows" && first.phase !== "script")) {
      throw unexpected(Message.DataRow, first)
    }
    const count = columns.fields.length
    const most = first.chunk === 0 ? Number.POSITIVE_INFINITY : first.chunk
    const { rows } = first
    let at = input.start
    try {
      const readRow = (first.readRow ??= this.#readers.of(columns, first.shape))
      for (let length = readInt32(bytes, at + 1); ;) {
        const limit = at + 1 + length
        checkRow(bytes, at + 5, limit, count)
        if (!first.failed) rows.push(readRow(bytes, at + 5, limit))
        at = limit
        if (rows.length >= most || end - at < 5 || bytes[at] !== Message.DataRow) break
        length = readInt32(bytes, at + 1)
        if (length < 4 || length >= end - at) break
      }
    } catch (thrown) {
      if (thrown instanceof PgError && thrown.reason._tag === "ProtocolViolation") throw thrown
      const error = unreadable(this.#types, columns, bytes, at + 5, thrown)
      input.start = at + 1 + readInt32(bytes, at + 1)
      return this.#fail(first, error)
    }
    input.start = at
    if (rows.length >= most) this.#handOut(first)
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
    if (!first.sync || (first.phase !== "ready" && first.phase !== "script") || !isStatus(status)) {
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
    if (message.severity === "FATAL" || message.severity === "PANIC" || first === undefined) {
      this.fatal = message
      return
    }
    const isScript = first.exchange.request._tag === "Script"
    unparsed(first)
    first.phase = "ready"
    this.#fail(first, new PgError({ operation: "query", reason: { _tag: "Server", message } }))
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

  #copyIn(first: Pending, reader: MessageReader): void {
    const copy = readCopyStart(reader, "in")
    switch (first.phase) {
      case "script":
        first.phase = "copy in"
        if (!first.failed) return first.exchange.onCopy(copy)
        this.#output.copyFail("nobody listens")
        this.replied = true
        return
      case "rows":
        this.#fail(first, copyInQuery())
        return this.#refuseCopy(first)
      default:
        throw unexpected(Message.CopyInResponse, first)
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

  #copyOut(first: Pending, reader: MessageReader): void {
    const copy = readCopyStart(reader, "out")
    switch (first.phase) {
      case "script":
        first.phase = "copy out"
        if (!first.failed) first.exchange.onCopy(copy)
        return
      case "rows":
        return this.#fail(first, copyInQuery())
      default:
        throw unexpected(Message.CopyOutResponse, first)
    }
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

const isStatus = (status: number): boolean => status === 0x49 || status === 0x54 || status === 0x45

/** A COPY in a query has failed, and its data comes nevertheless. */
const isCopyingOut = ({ failed, phase }: Pending): boolean => phase === "copy out" || (phase === "rows" && failed)

/** The statement is not on the server if it was to be parsed here. */
const unparsed = ({ phase, statement }: Pending): void => {
  if (phase === "parse" && statement?.state === "parsing") statement.state = "new"
}

const unexpected = (letter: number, first: Pending | undefined): PgError =>
  Message.unexpected(
    letter,
    first === undefined ? "nothing was asked" : `the ${first.exchange.request._tag} is at "${first.phase}"`
  )

const aborted = (): PgError => new PgError({ operation: "query", reason: { _tag: "Aborted" } })

const copyInQuery = (): PgError =>
  new PgError({
    operation: "query",
    reason: { _tag: "Unsupported", feature: "COPY in a query", problem: "use copyIn or copyOut, which carry its data" }
  })

const wrongEncoding = (encoding: string): PgError =>
  new PgError({
    operation: "receive",
    reason: {
      _tag: "Unsupported",
      feature: `client_encoding ${encoding}`,
      problem: "texts would be read wrong, so the connection was closed; leave client_encoding at UTF8"
    }
  })
