/**
 * The exchanges that `Session` makes: each gathers the answers to one request, and tells at its end.
 */
import type { PgError } from "../PgError.ts"
import type { PgResult } from "../PgResult.ts"
import type { Field } from "../PgTypes.ts"
import type { Completion, CopyStart, Exchange, Request } from "./Driver.ts"

/** SQLSTATE `query_canceled`. */
const canceled = "57014"

const nothing = (): void => {}

/** What all have: an end, an error, and that nobody may care any more. */
export class Asked<R extends Request = Request> implements Exchange {
  readonly request: R
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

const noFields: ReadonlyArray<Field> = []

/** One statement, with all its rows. */
export class Query<A, R extends Request = Request> extends Asked<R> {
  #rows: Array<A> = []
  #completion: Completion | undefined

  get result(): PgResult<A> {
    const { command = "", fields = noFields, rowCount = 0 } = this.#completion ?? {}
    return { rows: this.#rows, fields, command, rowCount }
  }

  override onRows(rows: Array<A>): void {
    if (this.abandoned) return
    if (this.#rows.length === 0) this.#rows = rows
    else for (const row of rows) this.#rows.push(row)
  }

  override onComplete(completion: Completion): void {
    this.#completion = completion
  }
}

/** Several statements, with all their rows. */
export class Script<A> extends Asked {
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

/**
 * What is handed out piece by piece: rows in chunks, or the data of a COPY. While `ahead` pieces wait to be taken nothing
 * more is read from the server.
 */
export class Pieces<A> extends Asked {
  readonly #ahead: number
  #pieces: Array<A> = []
  /** Called once, when there is a piece or the end. */
  whenThere: () => void = nothing
  command = ""
  rowCount = 0

  constructor(request: Request, ahead: number) {
    super(request)
    this.#ahead = ahead
  }

  /** All that is there by now. */
  take(): ReadonlyArray<A> {
    const pieces = this.#pieces
    this.#pieces = []
    this.paused = false
    return pieces
  }

  protected put(piece: A): void {
    if (this.abandoned) return
    this.#pieces.push(piece)
    this.paused = this.#pieces.length >= this.#ahead
    this.#there()
  }

  override onComplete({ command, rowCount }: Completion): void {
    this.command = command
    this.rowCount = rowCount
  }

  override onEnd(): void {
    super.onEnd()
    this.#there()
  }

  #there(): void {
    const { whenThere } = this
    this.whenThere = nothing
    whenThere()
  }
}

export class Chunks<A> extends Pieces<Array<A>> {
  override onRows(rows: Array<A>): void {
    this.put(rows)
  }
}

/** The data of a COPY to the client. A COPY from it is over at once: there is nobody who sends. */
export class CopyOut extends Pieces<Uint8Array> {
  copy: CopyStart | undefined

  override onCopy(copy: CopyStart): void {
    this.copy = copy
    this.put(new Uint8Array())
  }

  override onCopyData(bytes: Uint8Array): void {
    this.put(bytes)
  }
}

/** A COPY from the client: `whenCopying` is called once, when data may be sent, or it is over. */
export class CopyIn extends Asked {
  copy: CopyStart | undefined
  /** The server was told to drop it, of which it says the same as of one that is cancelled. */
  dropped = false
  whenCopying: () => void = nothing
  rowCount = 0

  override get canceled(): boolean {
    return super.canceled && !this.dropped
  }

  override onCopy(copy: CopyStart): void {
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
