/**
 * The exchanges that `Session` makes: each gathers the answers to one request, and tells at its end.
 */
import type { PgError } from "../PgError.ts"
import type { PgResult } from "../PgResult.ts"
import type { Field } from "../PgTypes.ts"
import type { Completion, CopyStart, Driver, Exchange, Request } from "./Driver.ts"
import { invalidInput } from "./input.ts"

/** SQLSTATE `query_canceled`. */
const canceled = "57014"

const nothing = (): void => {}

/** What all have: an end, an error, and that nobody may care any more. */
export class Asked<R extends Request = Request> implements Exchange {
  readonly request: R
  /** Which it is of those that were submitted. */
  turn = 0
  paused = false
  error: PgError | undefined
  ended = false
  /** Nobody waits for the answer any more: what comes is dropped. */
  abandoned = false
  /** Called once, at the end. */
  whenEnded: () => void = nothing

  constructor(request: R) {
    this.request = request
  }

  /** Whether the server says that it has cancelled it. */
  get canceled(): boolean {
    return this.error?.code === canceled
  }

  abandon(): void {
    this.abandoned = true
    this.paused = false
  }

  onRows(_rows: Array<unknown>, _fields: ReadonlyArray<Field>): void {}
  onCopy(_copy: CopyStart): void {}
  onCopyData(_bytes: Uint8Array): void {}
  onComplete(_completion: Completion): void {}

  onError(error: PgError): void {
    this.error ??= error
  }

  onEnd(): void {
    if (this.ended) return
    this.ended = true
    const { whenEnded } = this
    this.whenEnded = nothing
    whenEnded()
  }
}

const nothingDone: Completion = { command: "", rowCount: 0, fields: [] }

/** One statement, with all its rows. */
export class Query<A, R extends Request = Request> extends Asked<R> {
  rows: Array<A> = []
  completion: Completion = nothingDone

  override onRows(rows: Array<A>): void {
    if (this.abandoned) return
    if (this.rows.length === 0) this.rows = rows
    else for (const row of rows) this.rows.push(row)
  }

  override onComplete(completion: Completion): void {
    this.completion = completion
  }
}

/** Text that is sent as it is. A COPY in it that nobody expects is ended at once, and is an error. */
class Text extends Asked {
  readonly #driver: Driver
  /** The server was told to drop a COPY, of which it says the same as of what is cancelled. */
  dropped = false

  constructor(sql: string, driver: Driver) {
    super({ _tag: "Script", sql })
    this.#driver = driver
  }

  override get canceled(): boolean {
    return super.canceled && !this.dropped
  }

  override onCopy({ direction }: CopyStart): void {
    const problem =
      direction === "in" ? "takes data from the client; use copyIn" : "gives data to the client; use copyOut"
    this.onError(invalidInput("query", "a COPY in the statements", problem))
    if (direction !== "in") return
    this.dropped = true
    this.#driver.copyEnd("nobody sends the data")
  }
}

/** Several statements, with all their rows. */
export class Script<A> extends Text {
  readonly results: Array<PgResult<A>> = []
  #rows: Array<A> = []

  override onRows(rows: Array<A>): void {
    for (const row of rows) this.#rows.push(row)
  }

  override onComplete(completion: Completion): void {
    this.results.push({ ...completion, rows: this.#rows })
    this.#rows = []
  }
}

/** What an exchange is that is handed out piece by piece, to who takes. */
export interface Pieces<A> extends Asked {
  readonly queue: PieceQueue<A>
}

/** Pieces that wait to be taken. */
export class PieceQueue<A> {
  readonly #asked: Asked
  #ahead: number
  #pieces: Array<A> = []
  /** Called once, when there is a piece or the end. */
  whenThere: () => void = nothing

  /** While `ahead` pieces wait nothing more is read from the server. */
  constructor(asked: Asked, ahead: number) {
    this.#asked = asked
    this.#ahead = ahead
  }

  /** All that is there by now. */
  take(): ReadonlyArray<A> {
    const pieces = this.#pieces
    this.#pieces = []
    this.#asked.paused = false
    return pieces
  }

  /** Takes all that is still to come, however much it is. */
  hurry(): void {
    this.#ahead = Infinity
    this.#asked.paused = false
  }

  put(piece: A): void {
    const asked = this.#asked
    if (asked.abandoned) return
    this.#pieces.push(piece)
    asked.paused = this.#pieces.length >= this.#ahead
    this.tell()
  }

  tell(): void {
    const { whenThere } = this
    this.whenThere = nothing
    whenThere()
  }
}

/** The rows of a statement, in chunks. */
export class Chunks<A> extends Asked implements Pieces<Array<A>> {
  readonly queue: PieceQueue<Array<A>>

  constructor(request: Request, ahead: number) {
    super(request)
    this.queue = new PieceQueue(this, ahead)
  }

  override onRows(rows: Array<A>): void {
    this.queue.put(rows)
  }

  override onEnd(): void {
    super.onEnd()
    this.queue.tell()
  }
}

/** The data of a COPY to the client. */
export class CopyOut extends Text implements Pieces<Uint8Array> {
  readonly queue: PieceQueue<Uint8Array>
  #copies = false

  constructor(sql: string, driver: Driver, ahead: number) {
    super(sql, driver)
    this.queue = new PieceQueue(this, ahead)
  }

  override onCopy(copy: CopyStart): void {
    if (copy.direction === "in") super.onCopy(copy)
    else this.#copies = true
  }

  override onCopyData(bytes: Uint8Array): void {
    this.queue.put(bytes)
  }

  override onEnd(): void {
    if (!this.#copies && this.error === undefined) {
      this.onError(invalidInput("copyOut", "the statement", "is no COPY … TO STDOUT: it was run, and gave no data"))
    }
    super.onEnd()
    this.queue.tell()
  }
}

/** A COPY from the client: `whenCopying` is called once, when data may be sent, or it is over. */
export class CopyIn extends Text {
  copy: CopyStart | undefined
  /** Whether the server was told that there are no more data. */
  dataEnded = false
  whenCopying: () => void = nothing
  rowCount = 0

  override onCopy(copy: CopyStart): void {
    // The data are those of the first.
    if (copy.direction === "out" || this.copy !== undefined) return super.onCopy(copy)
    this.copy = copy
    this.#tell()
  }

  override onComplete({ rowCount }: Completion): void {
    this.rowCount = rowCount
  }

  override onEnd(): void {
    super.onEnd()
    this.#tell()
  }

  #tell(): void {
    const { whenCopying } = this
    this.whenCopying = nothing
    whenCopying()
  }
}
