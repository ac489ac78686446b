/**
 * A libpq whose socket is bytes in memory: what the server says is given, in pieces of given sizes, and what is sent is
 * kept. Knows no more than the wire driver calls.
 */
import { constants } from "node:os"
import type { LibpqNotification } from "../../src/Libpq.ts"
import type { TakeOverLibpq } from "../../src/internal/wire/takeOver.ts"

export interface Script {
  /** What the server says, part by part (`next`); after them the socket is at its end, unless it `stays`. */
  readonly says: ReadonlyArray<Uint8Array>
  readonly stays?: boolean
  /** Of what size the pieces are in which it arrives, over and over; 0 is a moment at which nothing has arrived. */
  readonly pieces?: ReadonlyArray<number>
  /** How much the socket takes at a time, over and over; 0 is a moment at which it takes nothing. */
  readonly takes?: ReadonlyArray<number>
  /** The errors that reading and writing end with, instead. */
  readonly readErrno?: number
  readonly writeErrno?: number
  readonly tls?: boolean
  readonly gss?: boolean
  readonly encoding?: string
  readonly notifications?: ReadonlyArray<LibpqNotification>
}

export class ScriptedSocket implements TakeOverLibpq {
  readonly #script: Script
  readonly #sent: Array<Buffer> = []
  readonly #notifications: Array<LibpqNotification>
  #part = 0
  #at = 0
  #reads = 0
  #writes = 0
  /** The largest memory that was given to read into, and that which was written from. */
  largestRead = 0
  largestWrite = 0
  finished = 0

  constructor(script: Script) {
    this.#script = script
    this.#notifications = [...(script.notifications ?? [])]
  }

  get sent(): Buffer {
    return Buffer.concat(this.#sent)
  }

  get unread(): number {
    return this.#says.length - this.#at
  }

  get #says(): Uint8Array {
    return this.#script.says[this.#part] ?? new Uint8Array()
  }

  /** The server says the next part, if there is one. */
  next(): void {
    if (this.unread > 0 || this.#part === this.#script.says.length - 1) return
    this.#part++
    this.#at = 0
  }

  readonly recv = (_socket: number, bytes: Uint8Array): number => {
    const { pieces = [], readErrno, stays = false } = this.#script
    if (this.unread === 0) {
      if (readErrno !== undefined) return -readErrno
      return stays ? -constants.errno.EAGAIN : 0
    }
    const piece = pieces.length === 0 ? this.unread : (pieces[this.#reads++ % pieces.length] ?? 1)
    if (piece === 0) return -constants.errno.EAGAIN
    const size = Math.min(piece, bytes.length, this.unread)
    bytes.set(this.#says.subarray(this.#at, this.#at + size))
    this.#at += size
    this.largestRead = Math.max(this.largestRead, bytes.length)
    return size
  }

  readonly send = (_socket: number, bytes: Uint8Array): number => {
    const { takes = [], writeErrno } = this.#script
    this.largestWrite = Math.max(this.largestWrite, bytes.buffer.byteLength)
    if (writeErrno !== undefined) return -writeErrno
    const size = takes.length === 0 ? bytes.length : Math.min(takes[this.#writes++ % takes.length] ?? 1, bytes.length)
    if (size === 0) return -constants.errno.EAGAIN
    this.#sent.push(Buffer.from(bytes.subarray(0, size)))
    return size
  }

  readonly PQsocket = (): number => 7
  readonly PQbackendPID = (): number => 4711
  readonly PQparameterStatus = (_connection: number, name: string): string | null =>
    name === "client_encoding" ? (this.#script.encoding ?? "UTF8") : null
  readonly PQfinish = (): void => {
    this.finished++
  }
  readonly PQsslInUse = (): number => (this.#script.tls === true ? 1 : 0)
  readonly PQgssEncInUse = (): number => (this.#script.gss === true ? 1 : 0)
  readonly PQisBusy = (): number => 0
  readonly PQnotifies = (): LibpqNotification | undefined => this.#notifications.shift()
  readonly PQsetnonblocking = (): number => 0
}

/** A message of the server. */
export const message = (letter: string, ...body: ReadonlyArray<string | number | Uint8Array>): Buffer => {
  const bytes = Buffer.concat(
    body.map((part) =>
      typeof part === "string" ? Buffer.from(`${part}\0`) : typeof part === "number" ? int32(part) : part
    )
  )
  return Buffer.concat([Buffer.from(letter), int32(bytes.length + 4), bytes])
}

export const int16 = (value: number): Buffer => {
  const bytes = Buffer.alloc(2)
  bytes.writeInt16BE(value)
  return bytes
}

export const int32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(value)
  return bytes
}

export const ready = message("Z", Buffer.from("I"))

export const errorMessage = (severity: string, code: string, text: string): Buffer =>
  message("E", `S${severity}`, `V${severity}`, `C${code}`, `M${text}`, Uint8Array.of(0))
