/**
 * One exchange as undici's dispatcher sees it, and the response as the caller does: undici pushes, the caller pulls.
 */
import { isReadonlyArrayNonEmpty, type NonEmptyReadonlyArray } from "effect/Array"
import * as Effect from "effect/Effect"
import type { Dispatcher } from "undici"
import { failure, type HttpError, type HttpErrorReason, type Phase } from "../../HttpError.ts"
import type { ExchangeRequest, ExchangeResponse, RawHeaders, ResponseBody } from "../../HttpExchange.ts"
import type { Timer } from "../timer.ts"
import { reasonOf } from "./errors.ts"
import type { Turn } from "./Turns.ts"

/** So many bytes are read ahead of the caller. */
const readAhead = 64 * 1024
/** An unread rest of so many bytes is read to keep the connection, if it comes within so many milliseconds. */
const worthReading = 128 * 1024
const worthWaiting = 250

type Chunks = NonEmptyReadonlyArray<Uint8Array> | undefined

type Resume<A> = (outcome: Effect.Effect<A, HttpError>) => void

export class Reply implements Dispatcher.DispatchHandler, ResponseBody {
  readonly #request: ExchangeRequest
  readonly #timer: Timer
  /** Who is to be told of its end. */
  #turn: Pick<Turn, "ended"> | undefined
  readonly #resume: Resume<ExchangeResponse>
  #controller: Dispatcher.DispatchController | undefined
  #chunks: Array<Uint8Array> = []
  #buffered = 0
  /** How much there is to come, if the server has said so. */
  #left = 0
  #unread = worthReading
  #state: "connecting" | "waiting" | "body" | "ended" | "failed" = "connecting"
  #failure: HttpError | undefined
  /** Who waits for the end of what is discarded. */
  #discarded: Array<() => void> | undefined
  #pulled: Resume<Chunks> | undefined
  #trailers: RawHeaders = []
  #stopTimer: (() => void) | undefined

  constructor(request: ExchangeRequest, timer: Timer, turn: Pick<Turn, "ended">, resume: Resume<ExchangeResponse>) {
    this.#request = request
    this.#timer = timer
    this.#turn = turn
    this.#resume = resume
    if (request.timeouts !== undefined) this.#watch("connection", request.timeouts.connection)
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    if (this.#failure !== undefined) {
      controller.abort(this.#failure)
      return
    }
    this.#state = "waiting"
    if (this.#request.timeouts !== undefined) this.#watch("response", this.#request.timeouts.response)
  }

  onResponseStart(
    controller: Dispatcher.DispatchController,
    status: number,
    headers: Readonly<Record<string, string | Array<string> | undefined>>,
    statusText = ""
  ): void {
    if (status < 200 || this.#failure !== undefined) return
    this.#state = "body"
    const length = headers["content-length"]
    if (typeof length === "string") this.#left = Number(length)
    if (this.#request.timeouts !== undefined) this.#watch("body", this.#request.timeouts.body)
    const head = new Head(status, statusText, controller.rawHeaders ?? headers, headers, this)
    // A short body comes right behind its head: whoever reads it then need not wait for it.
    queueMicrotask(() => this.#resume(Effect.succeed(head)))
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Uint8Array): void {
    this.#left -= chunk.byteLength
    if (this.#discarded !== undefined) {
      this.#unread -= chunk.byteLength
      if (this.#unread < 0) this.#abort({ _tag: "Closed" })
      return
    }
    if (this.#request.timeouts !== undefined) this.#watch("body", this.#request.timeouts.body)
    if (this.#pulled !== undefined) {
      this.#give(Effect.succeed([chunk]))
      return
    }
    this.#chunks.push(chunk)
    this.#buffered += chunk.byteLength
    // The time that the caller takes is not the server's.
    if (this.#buffered >= readAhead) {
      this.#stopTimer?.()
      controller.pause()
    }
  }

  onResponseEnd(controller: Dispatcher.DispatchController): void {
    this.#stopTimer?.()
    this.#state = "ended"
    const trailers = controller.rawTrailers
    if (trailers !== undefined && trailers !== null) this.#trailers = toRaw(trailers)
    this.#tellEnd()
    // Whoever waits may ask for the next thing at once: see Turns.
    if (this.#pulled !== undefined || this.#discarded !== undefined)
      queueMicrotask(() => this.#tell(Effect.succeed(undefined)))
  }

  onResponseError(_controller: Dispatcher.DispatchController | undefined, error: Error): void {
    const answered = this.#state === "body"
    this.#fail(this.#failure ?? failure(this.#request, reasonOf(error, answered)))
  }

  /** Whether it was abandoned, or took too long, before it was dispatched. */
  get isOver(): boolean {
    return this.#failure !== undefined
  }

  /** Whether the head of the response is here. */
  get isAnswered(): boolean {
    return this.#state === "body" || this.#state === "ended"
  }

  /** Lets go before there is a response. */
  abandon(): void {
    this.#abort({ _tag: "Closed" })
  }

  take(): ReadonlyArray<Uint8Array> | undefined {
    if (this.#state !== "ended") return undefined
    const chunks = this.#chunks
    this.#chunks = []
    return chunks
  }

  get pull(): Effect.Effect<Chunks, HttpError> {
    const leave = Effect.sync(() => {
      this.#pulled = undefined
    })
    return Effect.callback((resume) => {
      const chunks = this.#chunks
      if (isReadonlyArrayNonEmpty(chunks)) {
        this.#chunks = []
        this.#buffered = 0
        if (this.#controller?.paused === true) {
          if (this.#request.timeouts !== undefined) this.#watch("body", this.#request.timeouts.body)
          this.#controller.resume()
        }
        resume(Effect.succeed(chunks))
      } else if (this.#failure !== undefined) resume(Effect.fail(this.#failure))
      else if (this.#state === "ended") resume(Effect.succeed(undefined))
      else {
        this.#pulled = resume
        return leave
      }
      return undefined
    })
  }

  get discard(): Effect.Effect<void> {
    return Effect.callback((resume) => {
      this.#chunks = []
      if (this.#state === "ended" || this.#state === "failed") {
        resume(Effect.void)
        return
      }
      const first = this.#discarded === undefined
      const waiting = (this.#discarded ??= [])
      waiting.push(() => resume(Effect.void))
      if (!first) return
      this.#stopTimer?.()
      if (this.#left > worthReading) {
        this.#abort({ _tag: "Closed" })
        return
      }
      this.#stopTimer = this.#timer(worthWaiting, () => this.#abort({ _tag: "Closed" }))
      if (this.#controller?.paused === true) this.#controller.resume()
    })
  }

  get trailers(): () => RawHeaders {
    return () => this.#trailers
  }

  #tellEnd(): void {
    const turn = this.#turn
    this.#turn = undefined
    turn?.ended()
  }

  #watch(phase: Phase, milliseconds: number | undefined): void {
    this.#stopTimer?.()
    this.#stopTimer = undefined
    if (milliseconds === undefined) return
    this.#stopTimer = this.#timer(milliseconds, () => this.#abort({ _tag: "Timeout", phase, milliseconds }))
  }

  #abort(reason: HttpErrorReason): void {
    if (this.#state === "ended" || this.#state === "failed") return
    const error = failure(this.#request, reason)
    this.#fail(error)
    this.#controller?.abort(error)
  }

  #fail(error: HttpError): void {
    this.#stopTimer?.()
    const answered = this.#state === "body"
    this.#state = "failed"
    this.#failure ??= error
    this.#tellEnd()
    if (!answered) this.#resume(Effect.fail(error))
    else if (this.#pulled !== undefined || this.#discarded !== undefined)
      queueMicrotask(() => this.#tell(Effect.fail(error)))
  }

  /** How the body has ended, to those who wait for it. */
  #tell(outcome: Effect.Effect<Chunks, HttpError>): void {
    this.#give(outcome)
    this.#discarded?.forEach((done) => done())
    this.#discarded = undefined
  }

  #give(outcome: Effect.Effect<Chunks, HttpError>): void {
    const resume = this.#pulled
    this.#pulled = undefined
    resume?.(outcome)
  }
}

/** The headers stay as they came until somebody reads them; undici has looked at them already. */
class Head implements ExchangeResponse {
  readonly status: number
  readonly statusText: string
  readonly body: ResponseBody
  readonly #received: Received
  readonly #byName: Readonly<Record<string, unknown>>
  #headers: RawHeaders | undefined

  constructor(
    status: number,
    statusText: string,
    received: Received,
    byName: Readonly<Record<string, unknown>>,
    body: ResponseBody
  ) {
    this.status = status
    this.statusText = statusText
    this.body = body
    this.#received = received
    this.#byName = byName
  }

  get headers(): RawHeaders {
    return (this.#headers ??= toRaw(this.#received))
  }

  has(name: string): boolean {
    return Object.hasOwn(this.#byName, name)
  }
}

type Received =
  | ReadonlyArray<string | Uint8Array>
  | Readonly<Record<string, string | ReadonlyArray<string> | undefined>>

export const toRaw = (received: Received): RawHeaders => {
  if (isList(received)) return received.map(latin1)
  return Object.entries(received).flatMap(([name, value]) =>
    value === undefined ? [] : typeof value === "string" ? [name, value] : value.flatMap((one) => [name, one])
  )
}

const isList = (received: Received): received is ReadonlyArray<string | Uint8Array> => Array.isArray(received)

/** Header fields are bytes; as text they are Latin-1, which loses none. */
const latin1 = (field: string | Uint8Array): string =>
  typeof field === "string" ? field : Buffer.from(field.buffer, field.byteOffset, field.byteLength).toString("latin1")
