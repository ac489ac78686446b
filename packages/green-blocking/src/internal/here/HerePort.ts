/**
 * The port of a job that runs in the thread of its caller: a request runs its handler, there and then, and the answer is
 * there or never. What goes through is copied, as between two threads.
 *
 * The handlers' fibers have a scheduler that runs when the job asks, so that they may yield and fork. What they wait for
 * besides cannot happen, because this thread is blocked by the job; they are then interrupted. They run where the caller
 * was: outside of the job's greenlet, and where there is no port.
 */
import * as Context from "effect/Context"
import * as Scheduler from "effect/Scheduler"
import { AsyncLocalStorage } from "node:async_hooks"
import type { Transferable } from "node:worker_threads"
import { inspect, problemOf, transferOf } from "../cloneable.ts"
import { Calls } from "../host/Calls.ts"
import type { Handler } from "../host/Handlers.ts"
import type { Telemetry } from "../host/Telemetry.ts"
import { type JobContext, type NotCloneableAt, Outcome, type Reply, type ToHost, ToWorker } from "../wire.ts"
import { type Port, within } from "../worker/Port.ts"

/** In which of its jobs this thread is: no two have the same number. */
let jobs = 0

export class HerePort implements Port {
  readonly job = ++jobs
  readonly context: JobContext | undefined
  /** Nothing can interrupt a job while it runs: it has the thread. */
  readonly interrupted = false
  span = 0
  #spans = 0
  #requests = 0
  readonly #turns = new Turns()
  readonly #replies = new Map<number, Reply>()
  readonly #calls: Calls
  readonly #telemetry: Telemetry
  readonly #outside = AsyncLocalStorage.snapshot()

  constructor(
    handlers: ReadonlyMap<string, Handler>,
    contextFor: (handler: Handler, span: number) => Context.Context<never>,
    context: JobContext | undefined,
    telemetry: Telemetry
  ) {
    this.context = context
    this.#telemetry = telemetry
    this.#calls = new Calls(
      handlers,
      (handler, span) => Context.add(contextFor(handler, span), Scheduler.Scheduler, this.#turns),
      (reply, transfer) => this.#replies.set(reply[1], structuredClone(reply, { transfer })),
      // There is no slot to lend.
      () => {}
    )
  }

  nextSpan(): number {
    return ++this.#spans
  }

  request(operation: string, payload: unknown): number {
    const request = ++this.#requests
    const copy: unknown = structuredClone(payload, { transfer: transferOf(payload) })
    this.#handle(() => this.#calls.request(request, operation, copy, this.span))
    return request
  }

  answer(request: number): Reply {
    const reply = this.#replies.get(request)
    this.#replies.delete(request)
    if (reply !== undefined) return reply
    this.cancel(request)
    return [ToWorker.reply, request, Outcome.refused, { _tag: "Asynchronous" }]
  }

  pull(request: number): void {
    this.#handle(() => this.#calls.pull(request))
  }

  cancel(request: number): void {
    this.#handle(() => this.#calls.cancel(request))
  }

  say(message: ToHost): void {
    const copy = structuredClone(message)
    this.#handle(() => this.#telemetry.heard(copy))
  }

  /** The job has ended: interrupts what is not answered. `ended` is called when that is over. */
  end(ended: () => void): void {
    this.#handle(() =>
      this.#calls.end(() => {
        this.#telemetry.end()
        ended()
      })
    )
  }

  #handle(f: () => void): void {
    this.#outside(() =>
      within(undefined, () => {
        f()
        this.#turns.flush()
      })
    )
  }
}

/** A scheduler for many fibers: what they have left to do is done by `flush`, or else soon. */
class Turns implements Scheduler.Scheduler {
  readonly executionMode = "sync"
  readonly #scheduler = new Scheduler.MixedScheduler("sync")
  readonly #dispatcher = this.#scheduler.makeDispatcher()

  shouldYield(fiber: Parameters<Scheduler.Scheduler["shouldYield"]>[0]): boolean {
    return this.#scheduler.shouldYield(fiber)
  }

  makeDispatcher(): Scheduler.SchedulerDispatcher {
    return this.#dispatcher
  }

  flush(): void {
    this.#dispatcher.flush()
  }
}

/** A copy, as it would arrive in another thread, or where and why it would not. */
export const copyOf = <A>(value: A): { readonly copy: A } | { readonly problem: NotCloneableAt } => {
  const { problem, transfer } = inspect(value)
  if (problem !== undefined) return { problem }
  try {
    return { copy: clone(value, [...transfer]) }
  } catch (error) {
    return { problem: problemOf(error) }
  }
}

const clone = <A>(value: A, transfer: Array<Transferable>): A => structuredClone(value, { transfer })
