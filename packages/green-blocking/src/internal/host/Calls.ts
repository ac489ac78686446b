/**
 * The operations that one job performs: runs their handlers, each in a fiber, and answers. They end with the job.
 */
import type * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import type { Transferable } from "node:worker_threads"
import { inspect, problemOf, transferOf } from "../cloneable.ts"
import { toThrown } from "../thrown.ts"
import { Outcome, type Refusal, type Reply, ToWorker } from "../wire.ts"
import type { Handler } from "./Handlers.ts"
import { type Entry, List } from "./List.ts"

/** A request that is being answered. */
interface Call {
  readonly request: number
  fiber?: Fiber.Fiber<unknown, unknown>
  /** Of a stream whose chunk has been taken: goes on to the next one. */
  next?: () => void
  isCancelled: boolean
}

export class Calls {
  readonly #handlers: ReadonlyMap<string, Handler>
  readonly #contextFor: (handler: Handler, span: number) => Context.Context<never>
  readonly #send: (reply: Reply, transfer: Array<Transferable>) => void
  /** Told when the first of them begins, and when the last one has ended. */
  readonly #waits: (isWaiting: boolean) => void
  /** The last one of each handler, which is most often the next one too: to make one is a tenth of a round trip. */
  readonly #contexts = new Map<Handler, { readonly span: number; readonly context: Context.Context<never> }>()
  /** There is one as a rule: of those that were taken back, some may not have ended. */
  readonly #calls = new List<Call>()
  #isOver = false
  #ended: (() => void) | undefined

  constructor(
    handlers: ReadonlyMap<string, Handler>,
    contextFor: (handler: Handler, span: number) => Context.Context<never>,
    send: (reply: Reply, transfer: Array<Transferable>) => void,
    waits: (isWaiting: boolean) => void
  ) {
    this.#handlers = handlers
    this.#contextFor = contextFor
    this.#send = send
    this.#waits = waits
  }

  request(request: number, operation: string, payload: unknown, span: number): void {
    if (this.#isOver) return
    const handler = this.#handlers.get(operation)
    if (handler === undefined) {
      this.#refuse(request, { _tag: "NotHandled" })
      return
    }
    let decoded: unknown
    try {
      decoded = handler.decodePayload(payload)
    } catch (error) {
      this.#refuse(request, { _tag: "InvalidPayload", problem: messageOf(error) })
      return
    }
    this.#perform(request, handler, decoded, span)
  }

  #perform(request: number, handler: Handler, payload: unknown, span: number): void {
    const call: Call = { request, isCancelled: false }
    const entry = this.#calls.add(call)
    if (this.#calls.size === 1) this.#waits(true)
    const scope = Scope.makeUnsafe()
    const context = Context.add(this.#contextOf(handler, span), Scope.Scope, scope)
    const hand = (values: ReadonlyArray<unknown>): Effect.Effect<void> =>
      Effect.callback((resume) => {
        call.next = () => resume(Effect.void)
        this.#succeed(request, handler, handler.encodeChunk, values)
      })
    const performed = Effect.suspend(() => handler.perform(payload, request, hand))
    call.fiber = Effect.runForkWith(context)(performed)
    call.fiber.addObserver((exit) => {
      const closing = Scope.closeUnsafe(scope, exit)
      if (closing === undefined) this.#end(entry, handler, exit)
      else Effect.runForkWith(context)(closing).addObserver(() => this.#end(entry, handler, exit))
    })
  }

  #contextOf(handler: Handler, span: number): Context.Context<never> {
    const known = this.#contexts.get(handler)
    if (known?.span === span) return known.context
    const context = this.#contextFor(handler, span)
    this.#contexts.set(handler, { span, context })
    return context
  }

  /** The next chunk of a stream is asked for. */
  pull(request: number): void {
    this.#find(request)?.next?.()
  }

  /** Nobody waits for the answer any more. */
  cancel(request: number): void {
    const call = this.#find(request)
    if (call === undefined) return
    call.isCancelled = true
    call.fiber?.interruptUnsafe()
  }

  /** Interrupts what is not answered, and takes nothing more; calls `ended` when all of it has ended. */
  end(ended: () => void): void {
    this.#isOver = true
    if (this.#calls.size === 0) {
      ended()
      return
    }
    this.#ended = ended
    for (const { request } of this.#calls.values) this.cancel(request)
  }

  #find(request: number): Call | undefined {
    return this.#calls.find((call) => call.request === request)
  }

  #end(entry: Entry<Call>, handler: Handler, exit: Exit.Exit<unknown, unknown>): void {
    const { isCancelled, request } = entry.value
    this.#calls.remove(entry)
    if (this.#calls.size === 0) this.#waits(false)
    if (!isCancelled) this.#answer(request, handler, exit)
    if (this.#calls.size > 0) return
    const ended = this.#ended
    this.#ended = undefined
    ended?.()
  }

  #answer(request: number, handler: Handler, exit: Exit.Exit<unknown, unknown>): void {
    if (Exit.isFailure(exit)) this.#fail(request, handler, exit.cause)
    else if (handler.operation.isStream) this.#send([ToWorker.reply, request, Outcome.end], [])
    else this.#succeed(request, handler, handler.encodeSuccess, exit.value)
  }

  #succeed<A>(request: number, handler: Handler, encode: (value: A) => unknown, value: A): void {
    let encoded: unknown
    try {
      encoded = encode(value)
    } catch (error) {
      this.#refuseResult(request, messageOf(error))
      return
    }
    try {
      this.#send([ToWorker.reply, request, Outcome.success, encoded], transferOf(encoded))
    } catch (error) {
      const problem =
        handler.operation.isStream && Array.isArray(encoded)
          ? unsentElement(encoded, error)
          : unsent("result", encoded, error)
      this.#refuseResult(request, problem)
    }
  }

  #refuseResult(request: number, problem: string): void {
    this.#refuse(request, { _tag: "InvalidResult", problem })
    // Of a stream: nobody will ask for more of it.
    this.cancel(request)
  }

  #fail(request: number, handler: Handler, cause: Cause.Cause<unknown>): void {
    const failure = cause.reasons.find((reason) => reason._tag === "Fail")
    const death = cause.reasons.find((reason) => reason._tag === "Die")
    if (failure !== undefined) this.#failTyped(request, handler, failure.error)
    else if (death !== undefined) this.#send([ToWorker.reply, request, Outcome.defect, toThrown(death.defect)], [])
    else this.#send([ToWorker.reply, request, Outcome.interrupted], [])
  }

  #failTyped(request: number, handler: Handler, error: unknown): void {
    let encoded: unknown
    try {
      encoded = handler.encodeFailure(error)
    } catch (problem) {
      this.#refuse(request, { _tag: "InvalidResult", problem: messageOf(problem) })
      return
    }
    try {
      const stack = error instanceof Error ? error.stack : undefined
      this.#send([ToWorker.reply, request, Outcome.failure, encoded, stack], transferOf(encoded))
    } catch (thrown) {
      this.#refuse(request, { _tag: "InvalidResult", problem: unsent("error", encoded, thrown) })
    }
  }

  #refuse(request: number, refusal: Refusal): void {
    this.#send([ToWorker.reply, request, Outcome.refused, refusal], [])
  }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

/** Where, in an answer that could not be sent, is what cannot be. Only now, for the walk costs more than the sending. */
const unsent = (part: string, encoded: unknown, error: unknown): string => {
  const { path, problem } = inspect(encoded).problem ?? problemOf(error)
  return `${part}${path} cannot be sent to another thread: ${problem}`
}

/** The same, of the first such element of a chunk: which chunk it was in says nothing to those who read elements. */
const unsentElement = (chunk: ReadonlyArray<unknown>, error: unknown): string => {
  const element = chunk.find((each) => inspect(each).problem !== undefined)
  return unsent("element", element, error)
}
