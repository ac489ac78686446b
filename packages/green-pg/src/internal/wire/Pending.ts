/**
 * A request that was sent and is not over: who hears its answers, and which of them comes next.
 */
import type { PgError } from "../../PgError.ts"
import type { Field } from "../../PgTypes.ts"
import type { ReadRow } from "../types/RowReader.ts"
import type { Completion, Exchange, RowShape, Statement } from "../Driver.ts"
import { unexpected as unexpectedMessage } from "./Message.ts"
import type { Columns } from "./rows.ts"

/**
 * What the server says next of a request. `"ready"`: nothing but ReadyForQuery, or an error of what the Sync ends;
 * `"script"`: whatever the next statement of a script begins with.
 */
export type Phase = "parse" | "bind" | "describe" | "rows" | "ready" | "close" | "script" | "copy in" | "copy out"

export const noColumns: Columns = { fields: [], binary: true }

export class Pending {
  readonly exchange: Exchange
  readonly statement: Statement | undefined
  readonly shape: RowShape
  /** How many rows at a time; 0 for all. */
  readonly chunk: number
  /** Whether a ReadyForQuery ends it. */
  readonly sync: boolean
  phase: Phase
  /** Whether its Describe was sent. */
  readonly describes: boolean
  columns: Columns | undefined
  readRow: ReadRow<unknown> | undefined
  rows: Array<unknown> = []
  /** Held back until nothing can fail any more. */
  completion: Completion | undefined
  /** Whether the exchange was told an error: the rest is for nobody. */
  failed = false

  constructor(
    exchange: Exchange,
    phase: Phase,
    sync: boolean,
    shape: RowShape = "objects",
    chunk = 0,
    statement: Statement | undefined = undefined,
    fields: ReadonlyArray<Field> | undefined = undefined
  ) {
    this.exchange = exchange
    this.phase = phase
    this.sync = sync
    this.shape = shape
    this.chunk = chunk
    this.statement = statement
    this.describes = fields === undefined
    this.columns = fields === undefined ? undefined : { fields, binary: true }
  }
}

/** A COPY in a query has failed, and its data comes nevertheless. */
export const isCopyingOut = ({ failed, phase }: Pending): boolean =>
  phase === "copy out" || (phase === "rows" && failed)

/** It failed: its statement is not on the server, if it was to be parsed here. */
export const unparsed = ({ phase, statement }: Pending): void => {
  if (phase === "parse" && statement?.state === "parsing") statement.state = "new"
}

/** The error of a message that cannot come now. */
export const unexpected = (letter: number, first: Pending | undefined): PgError =>
  unexpectedMessage(
    letter,
    first === undefined ? "nothing was asked" : `the ${first.exchange.request._tag} is at "${first.phase}"`
  )
