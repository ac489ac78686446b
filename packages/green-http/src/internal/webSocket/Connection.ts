/**
 * A WebSocket on a connection whose handshake is done: the connection pushes, the caller pulls.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { Duplex } from "node:stream"
import { failure, type HttpError, type HttpErrorReason } from "../../HttpError.ts"
import type { CloseStatus, Message, WebSocket } from "../../WebSocket.ts"
import type { Timer } from "../timer.ts"
import { Decoder, type Event } from "./Decoder.ts"
import { Outgoing } from "./Outgoing.ts"

/** So many bytes are read ahead of the caller. A message counts for more than its bytes, which may be none. */
const readAhead = 64 * 1024
const overhead = 64

export interface ConnectionOptions {
  readonly socket: Duplex
  readonly url: URL
  readonly protocol: string | undefined
  readonly maxMessageBytes: number
  /** In milliseconds. */
  readonly closeTimeout: number
  readonly timer: Timer
  /** Called once, when the connection is gone. */
  readonly gone: () => void
}

export class Connection implements WebSocket {
  readonly protocol: string | undefined
  readonly #options: ConnectionOptions
  readonly #socket: Duplex
  readonly #decoder: Decoder
  readonly #outgoing: Outgoing
  readonly #messages: Array<Message> = []
  #queued = 0
  readonly #receivers = new Set<(outcome: Effect.Effect<Message | undefined, HttpError>) => void>()
  readonly #watchers = new Set<() => void>()
  /** What this side has closed it with. */
  #closing: CloseStatus | undefined
  /** How it ended. */
  #end: Effect.Effect<CloseStatus, HttpError> | undefined
  /** Why no more bytes will come. */
  #cut: HttpErrorReason | undefined
  /** Whether what comes has come after that. */
  #isDropping = false
  #isReading = false
  #isPaused = false
  #isGone = false
  #stopTimer: (() => void) | undefined

  constructor(options: ConnectionOptions) {
    this.#options = options
    this.protocol = options.protocol
    this.#decoder = new Decoder(options.maxMessageBytes)
    const socket = (this.#socket = options.socket)
    this.#outgoing = new Outgoing(socket)
    socket.on("data", (chunk: Uint8Array) => {
      if (this.#end !== undefined) return
      this.#isDropping = this.#closing !== undefined
      this.#decoder.push(chunk)
      this.#read()
    })
    socket.on("error", (error: NodeJS.ErrnoException) => {
      this.#cutOff({ _tag: "Disconnected", code: error.code ?? error.name, problem: error.message })
    })
    socket.on("end", () => {
      this.#cutOff(ended)
      socket.end()
    })
    socket.on("close", () => this.#gone())
    // It may be gone before anybody has looked.
    if (socket.closed) this.#gone()
    else socket.resume()
  }

  get url(): string {
    return this.#options.url.href.replace(/^http/, "ws")
  }

  readonly receive: Effect.Effect<Message | undefined, HttpError> = Effect.callback((resume) => {
    const message = this.#messages.shift()
    if (message !== undefined) {
      this.#queued -= weight(message)
      if (this.#isPaused) this.#read()
      resume(Effect.succeed(message))
    } else if (this.#end !== undefined) resume(Effect.as(this.#end, undefined))
    else {
      this.#receivers.add(resume)
      return Effect.sync(() => {
        this.#receivers.delete(resume)
      })
    }
    return undefined
  })

  get messages(): Stream.Stream<Message, HttpError> {
    // One at a time: whoever leaves the stream leaves the rest to others.
    const next = Effect.flatMap(this.receive, (message) =>
      message === undefined ? Cause.done() : Effect.succeed([message] as const)
    )
    return Stream.fromPull(Effect.succeed(next))
  }

  readonly send = (message: Message): Effect.Effect<void, HttpError> =>
    this.#outgoing.send(message, () => this.#unsendable)

  readonly close = (code = 1000, reason = ""): Effect.Effect<void, HttpError> =>
    Effect.suspend(() => {
      const problem = unfit(code, reason)
      if (problem !== undefined) return Effect.fail(this.#failure({ _tag: "InvalidRequest", problem }))
      this.#close({ code, reason })
      return this.#when(() => this.#isGone)
    })

  get closed(): Effect.Effect<CloseStatus, HttpError> {
    return Effect.flatMap(
      this.#when(() => this.#end !== undefined),
      () => this.#end ?? Effect.never
    )
  }

  /** Waits for what `#tell` tells of. */
  #when(isSo: () => boolean): Effect.Effect<void> {
    return Effect.callback((resume) => {
      const watcher = () => {
        if (!isSo()) return
        this.#watchers.delete(watcher)
        resume(Effect.void)
      }
      this.#watchers.add(watcher)
      watcher()
      return Effect.sync(() => {
        this.#watchers.delete(watcher)
      })
    })
  }

  #tell(): void {
    for (const watcher of [...this.#watchers]) watcher()
  }

  /** Takes what has come as far as somebody wants it. Whom it resumes may come back here. */
  #read(): void {
    if (this.#isReading || this.#end !== undefined) return
    this.#isReading = true
    while (this.#end === undefined && (this.#queued < readAhead || this.#closing !== undefined)) {
      const event = this.#decoder.next()
      if (event !== undefined) this.#take(event)
      else if (this.#cut !== undefined) this.#finish(Effect.fail(this.#failure(this.#cut)))
      else break
    }
    this.#isReading = false
    const isFull = this.#queued >= readAhead && this.#closing === undefined && this.#end === undefined
    if (isFull === this.#isPaused) return
    this.#isPaused = isFull
    if (isFull) this.#socket.pause()
    else this.#socket.resume()
  }

  #take(event: Event): void {
    switch (event._tag) {
      case "Message": {
        if (this.#isDropping) return
        const [resume] = this.#receivers
        if (resume !== undefined) {
          this.#receivers.delete(resume)
          resume(Effect.succeed(event.message))
        } else {
          this.#messages.push(event.message)
          this.#queued += weight(event.message)
        }
        return
      }
      case "Ping":
        this.#outgoing.pong(event.payload)
        return
      case "Close":
        this.#outgoing.close(event.code)
        this.#finish(Effect.succeed({ code: event.code ?? 1005, reason: event.reason }))
        this.#hangUp()
        return
      case "Violation":
        this.#outgoing.close(event.code)
        this.#finish(Effect.fail(this.#failure(event.why)))
        this.#hangUp()
    }
  }

  #cutOff(reason: HttpErrorReason): void {
    this.#cut ??= reason
    this.#read()
    this.#outgoing.refuse(Effect.fail(this.#failure(this.#cut)))
  }

  #gone(): void {
    this.#cutOff(ended)
    this.#isGone = true
    this.#stopTimer?.()
    this.#tell()
    this.#options.gone()
  }

  #close(status: CloseStatus): void {
    if (this.#closing !== undefined || this.#end !== undefined) return
    this.#closing = status
    this.#outgoing.refuse(this.#unsendable ?? Effect.void)
    this.#outgoing.close(status.code, status.reason)
    this.#watch()
    this.#read()
  }

  /** Nothing more is to be said by this side, and the other one has so much time to hang up as well. */
  #hangUp(): void {
    this.#socket.end()
    if (this.#closing === undefined) this.#watch()
  }

  #watch(): void {
    const milliseconds = this.#options.closeTimeout
    if (this.#isGone) return
    this.#stopTimer = this.#options.timer(milliseconds, () => {
      this.#finish(Effect.fail(this.#failure({ _tag: "Timeout", phase: "close", milliseconds })))
      this.#socket.destroy()
    })
  }

  #finish(end: Effect.Effect<CloseStatus, HttpError>): void {
    if (this.#end !== undefined) return
    this.#end = end
    const receivers = [...this.#receivers]
    this.#receivers.clear()
    for (const resume of receivers) resume(Effect.as(end, undefined))
    this.#outgoing.refuse(this.#unsendable ?? Effect.void)
    this.#tell()
  }

  /** Why nothing can be sent any more. */
  get #unsendable(): Effect.Effect<never, HttpError> | undefined {
    const closed = ({ code, reason }: CloseStatus) =>
      Effect.fail(this.#failure({ _tag: "SocketClosed", code, text: reason }))
    if (this.#end !== undefined) return Effect.flatMap(this.#end, closed)
    if (this.#closing !== undefined) return closed(this.#closing)
    return this.#cut === undefined ? undefined : Effect.fail(this.#failure(this.#cut))
  }

  #failure(reason: HttpErrorReason): HttpError {
    return failure({ method: "GET", url: this.#options.url }, reason)
  }
}

const weight = (message: Message): number =>
  overhead + (typeof message === "string" ? message.length : message.byteLength)

const ended: HttpErrorReason = { _tag: "Disconnected", code: "END", problem: "the peer has hung up" }

/** Why a WebSocket cannot be closed with it (RFC 6455, 7.4). */
const unfit = (code: number, reason: string): string | undefined => {
  const isFit = Number.isInteger(code) && ((code >= 1000 && code <= 1014 && !unsent.has(code)) || isOwn(code))
  if (!isFit) return `${code} is no code to close a WebSocket with; one's own are from 3000 to 4999`
  const length = Buffer.byteLength(reason)
  return length > 123 ? `the reason of a close has ${length} bytes, and may have 123` : undefined
}

const isOwn = (code: number): boolean => code >= 3000 && code <= 4999

/** Not for the wire, or reserved. */
const unsent = new Set([1004, 1005, 1006])
