/**
 * One operation, performed by blocking: encodes the payload, asks, blocks, and decodes the answer or throws it.
 */
import * as Duration from "effect/Duration"
import { MustBeInGreenlet, PerformError, WaitInterrupted, WaitTimeout } from "../../worker/PerformError.ts"
import { inspect, problemOf } from "../cloneable.ts"
import { chunkReceiver, makerAndSender, receiver } from "../codec.ts"
import type { Operation } from "../effectRpc.ts"
import { fromThrown, joinStacks } from "../thrown.ts"
import { Outcome, type Reply } from "../wire.ts"
import { type Port, current } from "./Port.ts"

/** The options of one call. */
export interface CallOptions {
  readonly timeout?: Duration.Input | undefined
}

/** Of a call: where it was made, which the stacks of its errors begin with. */
export type Caller = (...args: never) => unknown

export const portFor = (operation: string, caller: Caller): Port => {
  const port = current()
  if (port === undefined) throw here(new MustBeInGreenlet({ operation }), caller)
  return port
}

/** An operation with its codecs, which are made when it is first performed. */
export class BlockingOperation {
  readonly operation: Operation
  #codecs: Codecs | undefined

  constructor(operation: Operation) {
    this.operation = operation
  }

  get #made(): Codecs {
    return (this.#codecs ??= codecsOf(this.operation))
  }

  get name(): string {
    return this.operation.name
  }

  /** How long a call may block, in milliseconds. Asked before the request is made, for it may be nonsense. */
  milliseconds(options: CallOptions | undefined, caller: Caller): number {
    const timeout = options?.timeout
    if (timeout === undefined) return Infinity
    const duration = Duration.fromInput(timeout)
    const milliseconds = duration._tag === "Some" ? Duration.toMillis(duration.value) : NaN
    if (milliseconds >= 0) return milliseconds
    throw this.#refused({ _tag: "InvalidTimeout", value: String(timeout) }, caller)
  }

  /** Asks for it, and gives the number of the request. */
  request(port: Port, payload: unknown, caller: Caller): number {
    let encoded: unknown
    try {
      encoded = this.#made.encodePayload(payload)
    } catch (error) {
      throw this.#refused({ _tag: "InvalidPayload", problem: messageOf(error) }, caller)
    }
    try {
      return port.request(this.name, encoded)
    } catch (error) {
      // Only now, for the walk costs more than the sending.
      const { path, problem } = inspect(encoded).problem ?? problemOf(error)
      throw this.#refused({ _tag: "NotCloneable", path, problem }, caller)
    }
  }

  /** Blocks until the request is answered, and gives the value. */
  answer(port: Port, request: number, milliseconds: number, caller: Caller): unknown {
    return this.#decoded(this.#made.decodeSuccess, this.#block(port, request, milliseconds, caller), caller)
  }

  /** Blocks until the stream has answered, and gives its next elements, or `undefined` when it has ended. */
  chunk(port: Port, request: number, milliseconds: number, caller: Caller): ReadonlyArray<unknown> | undefined {
    const reply = this.#block(port, request, milliseconds, caller)
    return reply[2] === Outcome.end ? undefined : this.#decoded(this.#made.decodeChunk, reply, caller)
  }

  #block(port: Port, request: number, milliseconds: number, caller: Caller): Reply {
    const reply = port.answer(request, milliseconds)
    if (reply === "interrupted") throw here(new WaitInterrupted({ operation: this.name }), caller)
    if (reply === "timed out") {
      port.cancel(request)
      throw here(new WaitTimeout({ operation: this.name, milliseconds }), caller)
    }
    return reply
  }

  #decoded<A>(decode: (value: unknown) => A, reply: Reply, caller: Caller): A {
    if (reply[2] !== Outcome.success) throw this.#failure(reply, caller)
    try {
      return decode(reply[3])
    } catch (error) {
      throw this.#refused({ _tag: "InvalidResult", problem: messageOf(error) }, caller)
    }
  }

  #failure(answer: Reply, caller: Caller): unknown {
    switch (answer[2]) {
      case Outcome.failure:
        return this.#decodedFailure(answer[3], answer[4], caller)
      case Outcome.defect:
        return this.#refused({ _tag: "Defect", cause: fromThrown(answer[3], performedBy(this.name)) }, caller)
      case Outcome.refused:
        return this.#refused(answer[3], caller)
      default:
        return this.#refused({ _tag: "HandlerInterrupted" }, caller)
    }
  }

  #decodedFailure(value: unknown, stack: string | undefined, caller: Caller): unknown {
    let failure: unknown
    try {
      failure = this.#made.decodeFailure(value)
    } catch (error) {
      return this.#refused({ _tag: "InvalidResult", problem: messageOf(error) }, caller)
    }
    if (failure instanceof Error) {
      const frames: { stack?: string } = {}
      Error.captureStackTrace(frames, caller)
      failure.stack = joinStacks(stack, performedBy(this.name), frames.stack)
      settle(failure)
    }
    return failure
  }

  #refused(reason: PerformError["reason"], caller: Caller): PerformError {
    return here(new PerformError({ operation: this.name, reason }), caller)
  }
}

interface Codecs {
  readonly encodePayload: (payload: unknown) => unknown
  readonly decodeSuccess: (value: unknown) => unknown
  /** Of a stream: some elements at once. */
  readonly decodeChunk: (value: unknown) => ReadonlyArray<unknown>
  readonly decodeFailure: (value: unknown) => unknown
}

const codecsOf = ({ failure, payload, success }: Operation): Codecs => ({
  encodePayload: makerAndSender(payload),
  decodeSuccess: receiver(success),
  decodeChunk: chunkReceiver(success),
  decodeFailure: receiver(failure)
})

/** The error with the stack of the caller, without what lies between. */
const here = <E extends Error>(error: E, caller: Caller): E => {
  Error.captureStackTrace(error, caller)
  settle(error)
  return error
}

/**
 * Makes the message a field of its own. Libraries that the error goes through add to it, as to which file it was, and a
 * class whose message is a getter would have them throw a TypeError in its place.
 */
const settle = (error: Error): void => {
  const { message } = error
  Object.defineProperty(error, "message", { value: message, writable: true, enumerable: false, configurable: true })
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

/** The line between the two parts of a stack. */
const performedBy = (operation: string): string => `${operation} (performed by a job in a worker thread)`
