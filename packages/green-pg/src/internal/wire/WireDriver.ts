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
import { PgError, type ServerMessage } from "../../PgError.ts"
import type { PgTypes } from "../../PgTypes.ts"
import type { Driver, DriverEvents, Exchange, QueryRequest, TransactionStatus } from "../Driver.ts"
import { Answers } from "./Answers.ts"
import { Inbound } from "./Inbound.ts"
import { Outbound, invalid } from "./Outbound.ts"
import { Pending } from "./Pending.ts"

/** When so much is unsent, more of a COPY has to wait. */
const mostUnsent = 256 * 1024

export class WireDriver implements Driver {
  readonly name = "wire"
  readonly closesStatements = true
  readonly socket: number
  readonly processId: number
  readonly #libpq: LibpqFunctions
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
  /** The data of a COPY of which a part was taken. */
  #copied: { readonly bytes: Uint8Array; readonly upTo: number } | undefined

  constructor(libpq: LibpqFunctions, connection: Handle, types: PgTypes, events: DriverEvents) {
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
      throw thrown instanceof PgError ? thrown : invalid("a statement", `cannot be sent: ${String(thrown)}`)
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
        // The server skips it, when something before it has failed and no Sync came since.
        if (this.#unsynced) this.sync(nobody)
        this.#output.query(request.sql)
        return new Pending(exchange, "script", true)
      case "Close":
        this.#output.closeStatement(request.statement.name)
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

  flush(): boolean {
    const output = this.#output
    while (output.unsent > 0 && this.#writeProblem === undefined) {
      const count = this.#libpq.send(this.socket, output.rest())
      if (count > 0) {
        output.sent(count)
      } else if (isLater(-count)) {
        return false
      } else if (-count !== constants.errno.EINTR) {
        this.#writeProblem = `writing failed with ${nameOf(-count)}`
        output.drop()
      }
    }
    // What the server has said before it closed can still be read, and after it `receive` says so. A broken socket is
    // ready at once, so nobody waits in vain.
    return this.#writeProblem === undefined || this.#answers.paused
  }

  receive(): PgError | undefined {
    if (this.#lost !== undefined) return this.#lost
    const { fatal } = this.#answers
    if (fatal !== undefined) return this.#lose(fatal.message, fatal)
    if (this.#readProblem !== undefined) return this.#ended(this.#readProblem)
    const room = this.#input.room()
    if (room === undefined) return undefined
    const count = this.#libpq.recv(this.socket, room)
    if (count > 0) {
      this.#input.end += count
      this.#unseen = true
      return undefined
    }
    if (count === 0) return this.#ended("the server closed it")
    if (!isLater(-count) && -count !== constants.errno.EINTR)
      return this.#ended(`reading failed with ${nameOf(-count)}`)
    return this.#writeProblem === undefined ? undefined : this.#ended(this.#writeProblem)
  }

  /** Not before what has arrived is handed out. */
  #ended(problem: string): PgError | undefined {
    this.#readProblem = problem
    return this.#unseen || this.#answers.paused ? undefined : this.#lose(problem)
  }

  #lose(problem: string, server?: ServerMessage): PgError {
    this.#lost = new PgError({
      operation: "receive",
      reason: { _tag: "ConnectionLost", problem, ...(server === undefined ? {} : { server }) }
    })
    return this.#lost
  }

  deliver(): void {
    // An exchange may call it within an answer.
    if (this.#delivering || this.#closed || this.#lost !== undefined) return
    this.#delivering = true
    this.#unseen = false
    try {
      this.#answers.take()
    } catch (thrown) {
      if (thrown instanceof PgError) this.#lost = thrown
      throw thrown
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
    const from = this.#copied?.bytes === bytes ? this.#copied.upTo : 0
    const upTo = this.#output.copyData(bytes, from, mostUnsent)
    const all = upTo === bytes.length
    this.#copied = all ? undefined : { bytes, upTo }
    return all
  }

  copyEnd(failure: string | undefined): boolean {
    if (this.#answers.copying === undefined) return true
    if (failure === undefined) this.#output.copyDone()
    else this.#output.copyFail(failure)
    this.#copied = undefined
    return true
  }

  fail(error: PgError): void {
    this.#output.drop()
    this.#answers.failAll(error)
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#answers.stopped = true
    this.#output.drop()
    this.#libpq.PQfinish(this.#connection)
  }
}

const nobody: Exchange = {
  request: { _tag: "Script", sql: "" },
  paused: false,
  onRows: () => {},
  onCopy: () => {},
  onCopyData: () => {},
  onComplete: () => {},
  onError: () => {},
  onEnd: () => {}
}

const { EAGAIN, EWOULDBLOCK } = constants.errno

const isLater = (errno: number): boolean => errno === EAGAIN || errno === EWOULDBLOCK

const nameOf = (errno: number): string =>
  Object.entries(constants.errno).find(([, number]) => number === errno)?.[0] ?? `errno ${errno}`
