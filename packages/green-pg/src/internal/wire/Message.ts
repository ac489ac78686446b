/**
 * The messages of the server, by the letter that each begins with, and what can be said of one by its first five bytes.
 */
import type { PgError } from "../../PgError.ts"
import { violation } from "../failures.ts"
import { largestMessage } from "./Outbound.ts"

export const ParseComplete = 0x31
export const BindComplete = 0x32
export const CloseComplete = 0x33
export const NotificationResponse = 0x41
export const CommandComplete = 0x43
export const DataRow = 0x44
export const ErrorResponse = 0x45
export const CopyInResponse = 0x47
export const CopyOutResponse = 0x48
export const EmptyQueryResponse = 0x49
export const NoticeResponse = 0x4e
export const ParameterStatus = 0x53
export const RowDescription = 0x54
export const ReadyForQuery = 0x5a
export const CopyDone = 0x63
export const CopyData = 0x64
export const NoData = 0x6e

/** A message of another letter than `long` is not longer: the bound of libpq, by which it sees that it has lost track. */
const largestShort = 30_000

const short = [
  ParseComplete,
  BindComplete,
  CloseComplete,
  CommandComplete,
  CopyInResponse,
  CopyOutResponse,
  EmptyQueryResponse,
  ParameterStatus,
  ReadyForQuery,
  CopyDone,
  NoData
]
const long = [DataRow, CopyData, RowDescription, ErrorResponse, NoticeResponse, NotificationResponse]

/** How long a message may be, by its letter; 0 for letters that are none. */
const largest = new Int32Array(256)
for (const letter of short) largest[letter] = largestShort
for (const letter of long) largest[letter] = largestMessage

/** What may come while nothing was asked, and the answer to a Sync. */
const unasked: ReadonlySet<number> = new Set([
  ErrorResponse,
  NoticeResponse,
  NotificationResponse,
  ParameterStatus,
  ReadyForQuery
])

/**
 * No such message is longer at the start of a connection. Where text is taken for a message, the letters behind a NUL are
 * a larger number.
 */
const largestUnasked = 8192

/** Throws unless there is such a message of such a length, which counts itself. */
export const check = (letter: number, length: number): void => {
  if (length < 4 || length > (largest[letter] ?? 0)) throw malformed(letter, length)
}

/** The same before the first answer, when it is not known yet that a message begins here. */
export const checkUnasked = (letter: number, length: number): void => {
  if (length < 4 || length > largestUnasked || !unasked.has(letter)) throw malformed(letter, length)
}

const malformed = (letter: number, length: number): PgError =>
  violation(
    largest[letter] === 0
      ? `a message of the unknown type ${nameOf(letter)}`
      : `a message of the type ${nameOf(letter)} with the length ${length}`
  )

export const unexpected = (letter: number, state: string): PgError =>
  violation(`a message of the type ${nameOf(letter)} came, where ${state}`)

const nameOf = (letter: number): string =>
  letter > 0x20 && letter < 0x7f ? `"${String.fromCharCode(letter)}"` : `0x${letter.toString(16).padStart(2, "0")}`
