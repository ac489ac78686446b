/**
 * The driver that speaks protocol 3 itself, on the socket that libpq has connected and authenticated.
 *
 * libpq stays idle meanwhile: it is kept for what it knows of the connection (the process, the secret of a cancel
 * request, the first parameters) and for the end. `takeOver` makes one; `Pipeline` drives it.
 *
 * Source: "Frontend/Backend Protocol" of the PostgreSQL documentation.
 */
import { constants } from "node:os"
import type { Handle, LibpqFunctions } from "../../Libpq.ts"
import { PgError } from "../../PgError.ts"
import type { PgTypes } from "../../PgTypes.ts"
import type { Driver, DriverEvents, Exchange, QueryRequest, TransactionStatus } from "../Driver.ts"
import { inputError } from "../input.ts"
import { Answers } from "./Answers.ts"
import { lost, messageOf } from "../failures.ts"
import { Inbound } from "./Inbound.ts"
import { Outbound } from "./Outbound.ts"
import { Unowned } from "../Unowned.ts"
import { Pending } from "./Pending.ts"

/** How often it reads at a time what the server says by itself, so that others get their turn. */
const mostReads = 16

/** What it calls of libpq. */
export type WireLibpq = Pick<
  LibpqFunctions,
  "PQsocket" | "PQbackendPID" | "PQparameterStatus" | "PQfinish" | "recv" | "send"
>

/** When so much is unsent, more of a COPY has to wait. */
const mostUnsent = 256 * 1024

export class WireDriver implements Driver {
  readonly name = "wire"
  readonly closesStatements = true
  readonly socket: number
  readonly processId: number
  readonly #libpq: WireLibpq
  readonly #connection: Handle
  readonly #input = new Inbound()
  readonly #output: Outbound
  readonly #answers: Answers
  #closed = false
  #delivering = false
  /** Whether bytes were read that nobody has looked at. */
  #unseen = false
  /** Whether something was sent since the last Sync. */
  #unsynced = false
  #lost: PgError | undefined
  /** Why nothing can be read or written any more; the connection is lost when what had arrived is handed out. */
  #readProblem: string | undefined
  #writeProblem: string | undefined

  constructor(libpq: WireLibpq, connection: Handle, types: PgTypes, events: DriverEvents) {
    this.#libpq = libpq
    this.#connection = connection
    this.socket = libpq.PQsocket(connection)
    this.processId = libpq.PQbackendPID(connection)
    this.#output = new Outbound(types)
    this.#answers = new Answers(this.#input, this.#output, types, events)
  }

  get outstanding(): number {
    return this.#answers.queue.length
  }

  get paused(): boolean {
    return this.#answers.paused
  }

  get transaction(): TransactionStatus {
    if (this.#closed || this.#lost !== undefined) return "unknown"
    if (this.outstanding > 0 || this.#unsynced) return "active"
    switch (this.#answers.status) {
      case 0x54:
        return "in transaction"
      case 0x45:
        return "failed"
      default:
        return "idle"
    }
  }

  parameterStatus(name: string): string | undefined {
    const reported = this.#answers.parameters.get(name)
    if (reported !== undefined || this.#closed) return reported
    return this.#libpq.PQparameterStatus(this.#connection, name) ?? undefined
  }

  send(exchange: Exchange): void {
    const { writer } = this.#output
    const start = writer.length
    try {
      this.#answers.queue.add(this.#request(exchange))
    } catch (thrown) {
      writer.length = start
      throw inputError("query", thrown)
    }
  }

  /** A Sync alone. It ends the implicit transaction of what was sent without one. */
  sync(exchange: Exchange): void {
    this.#output.sync()
    this.#answers.queue.add(new Pending(exchange, "ready", true))
    this.#unsynced = false
  }

  #request(exchange: Exchange): Pending {
    const { request } = exchange
    switch (request._tag) {
      case "Query":
        return this.#query(exchange, request)
      case "Script":
        return this.#script(exchange, request.sql)
      case "Close":
        this.#output.closeStatement(request.statement.name)
        this.#unsynced = true
        return new Pending(exchange, "close", false, "objects", 0, request.statement)
    }
  }

  #query(exchange: Exchange, { chunk, parameters, shape, sql, statement, sync }: QueryRequest): Pending {
    const output = this.#output
    const name = statement?.name ?? ""
    const parses = statement === undefined || statement.state === "new"
    const fields = parses ? undefined : statement.fields
    if (parses) output.parse(name, sql, parameters)
    output.bind(name, parameters)
    // Asked for also while another query with the same statement is on the way: that one can fail before it is told.
    if (fields === undefined) output.describePortal()
    output.execute(sync)
    if (parses && statement !== undefined) statement.state = "parsing"
    this.#unsynced = !sync
    return new Pending(exchange, parses ? "parse" : "bind", sync, shape, chunk, statement, fields)
  }

  #script(exchange: Exchange, sql: string): Pending {
    const output = this.#output
    // The server would skip it, if something before it has failed and no Sync came since.
    if (this.#unsynced) output.sync()
    output.query(sql)
    if (this.#unsynced) this.#answers.queue.add(new Pending(nobody, "ready", true))
    this.#unsynced = false
    return new Pending(exchange, "script", true)
  }

  flush(): boolean {
    const output = this.#output
    while (output.unsent > 0) {
      if (this.#closed || this.#writeProblem !== undefined) output.drop()
      else if (!this.#write()) return false
    }
    return true
  }

  /** Writes once; false when the socket takes no more. */
  #write(): boolean {
    const output = this.#output
    const count = this.#libpq.send(this.socket, output.rest())
    if (count > 0) output.sent(count)
    else if (isLater(-count)) return false
    // A broken socket is ready to be read: there is its end, and what the server has said before.
    else this.#writeProblem = `writing failed with ${nameOf(-count)}`
    return true
  }

  receive(): PgError | undefined {
    for (let reads = 0; this.#lost === undefined && reads < mostReads; reads++) {
      if (!this.#read() || this.outstanding > 0) break
      // What the server says by itself can be its last word.
      this.#take()
    }
    return this.#lost
  }

  /** Reads once: whether there may be more. */
  #read(): boolean {
    const room = this.#readProblem === undefined ? this.#input.room() : undefined
    if (room !== undefined) {
      const count = this.#libpq.recv(this.socket, room)
      if (count > 0) {
        this.#input.end += count
        this.#unseen = true
        return true
      }
      if (count === 0) this.#readProblem = "the server closed it"
      else if (!isLater(-count)) this.#readProblem = `reading failed with ${nameOf(-count)}`
      else this.#readProblem = this.#writeProblem
    }
    // Not before what had arrived is handed out.
    if (this.#readProblem !== undefined && !this.#unseen && !this.paused) this.#lost = lost(this.#readProblem)
    return false
  }

  deliver(): void {
    const before = this.#lost
    this.#take()
    if (before === undefined && this.#lost !== undefined && !this.#closed) throw this.#lost
  }

  #take(): void {
    // An exchange may deliver within an answer.
    if (this.#delivering || this.#lost !== undefined) return
    this.#delivering = true
    this.#unseen = false
    try {
      this.#answers.take()
    } catch (thrown) {
      this.#lost ??= thrown instanceof PgError ? thrown : lost(messageOf(thrown))
    } finally {
      this.#delivering = false
    }
    if (this.#answers.replied) {
      this.#answers.replied = false
      this.flush()
    }
  }

  copyData(bytes: Uint8Array): boolean {
    // It is over when the server has refused it; the error says so.
    if (this.#answers.copying === undefined) return true
    if (this.#output.unsent >= mostUnsent) return false
    this.#output.copyData(bytes)
    return true
  }

  copyEnd(failure: string | undefined): boolean {
    if (this.#answers.copying === undefined) return true
    if (failure === undefined) this.#output.copyDone()
    else this.#output.copyFail(failure)
    return true
  }

  fail(error: PgError): void {
    this.#lost ??= error
    this.#output.drop()
    this.#answers.failAll(error)
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    // The number of the socket may be another's at once: it is neither read nor written again.
    this.#lost ??= closed()
    this.#answers.stopped = true
    this.#output.drop()
    this.#libpq.PQfinish(this.#connection)
  }
}

const closed = (): PgError =>
  new PgError({ operation: "receive", reason: { _tag: "Closed", problem: "the connection was closed" } })

const nobody = new Unowned({ _tag: "Script", sql: "" })

const later: ReadonlySet<number> = new Set([
  constants.errno.EAGAIN,
  constants.errno.EWOULDBLOCK,
  constants.errno.EINTR,
  // The kernel's memory for sockets is used up, for the moment.
  constants.errno.ENOBUFS,
  constants.errno.ENOMEM
])

const isLater = (errno: number): boolean => later.has(errno)

const nameOf = (errno: number): string =>
  Object.entries(constants.errno).find(([, number]) => number === errno)?.[0] ?? `errno ${errno}`
