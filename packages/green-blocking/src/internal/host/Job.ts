/**
 * One job on its thread, from its start to its end: how it ended, what it performs, and how it is interrupted.
 *
 * An interrupted job is told so first, and may end by itself within the grace; then its thread is ended, and with the
 * thread only this job. One that does not end by the deadline is given up.
 */
import * as Context from "effect/Context"
import type * as Exit from "effect/Exit"
import type { Transferable } from "node:worker_threads"
import type { JobRequest } from "../../GreenWorkers.ts"
import type { JobError, JobErrorReason } from "../../JobError.ts"
import type { AnySharedReference } from "../../SharedReference.ts"
import { type JobContext, ToHost } from "../wire.ts"
import { Calls } from "./Calls.ts"
import { handlerContext } from "../dynamic.ts"
import { exitOf, failed } from "./exits.ts"
import type { Handler } from "./Handlers.ts"
import { Lineage } from "./Lineage.ts"
import type { Entry } from "./List.ts"
import type { Slot } from "./Slots.ts"
import { Telemetry } from "./Telemetry.ts"
import type { Tenant, Thread } from "./Thread.ts"

/** The pool in which it runs. */
export interface Home {
  readonly handlers: ReadonlyMap<string, Handler>
  /** Those that are the caller's. */
  readonly references: ReadonlyArray<AnySharedReference>
  /** How long an interrupted job may take to end by itself, in milliseconds. */
  readonly grace: number
  /** Another thread than those that there are. Throws what `new Worker` throws. */
  readonly freshThread: () => Thread
  /** The job is over: its thread and its slot are free. */
  readonly leave: (job: Job) => void
  /** The job begins to wait for operations, or goes on. */
  readonly waits: (job: Job, isWaiting: boolean) => void
}

export class Job implements Tenant, Lineage {
  readonly pool: Home
  thread: Thread
  /** Where it is among the jobs of the pool, while it runs. */
  place: Entry<Job> | undefined
  readonly slot: Slot
  readonly depth: number
  readonly outer: Lineage | undefined
  readonly #request: JobRequest
  readonly #context: JobContext | undefined
  readonly #calls: Calls
  readonly #telemetry: Telemetry
  readonly #onLeave: Array<() => void> = []
  readonly #onEnd: Array<(exit: Exit.Exit<unknown, unknown>) => void>
  #interruption: Exit.Exit<never, JobError> | undefined
  #isOver = false
  /** How it ended, when all has been told. */
  #exit: Exit.Exit<unknown, unknown> | undefined
  #killing: NodeJS.Timeout | undefined

  constructor(
    pool: Home,
    thread: Thread,
    slot: Slot,
    request: JobRequest,
    caller: Context.Context<never>,
    context: JobContext | undefined,
    resume: (exit: Exit.Exit<unknown, unknown>) => void
  ) {
    this.pool = pool
    this.thread = thread
    this.slot = slot
    this.outer = Context.get(caller, Lineage)
    this.depth = (this.outer?.depth ?? 0) + 1
    this.#request = request
    this.#context = context
    this.#onEnd = [resume]
    this.#telemetry = new Telemetry(caller, request.name)
    this.#calls = new Calls(
      pool.handlers,
      (handler, span) => this.#contextFor(handler, span),
      (reply, transfer) => this.thread.answer(reply, transfer),
      (isWaiting) => pool.waits(this, isWaiting)
    )
  }

  get name(): string {
    return this.#request.name
  }

  /** Throws what `postMessage` throws. */
  start(args: ReadonlyArray<unknown>, transfer: Array<Transferable>): void {
    this.thread.start(this, this.#request.url, this.name, args, this.#context, transfer)
  }

  heard(message: ToHost): void {
    switch (message[0]) {
      case ToHost.request:
        this.#calls.request(message[1], message[2], message[3], message[4])
        break
      case ToHost.pull:
        this.#calls.pull(message[1])
        break
      case ToHost.cancel:
        this.#calls.cancel(message[1])
        break
      case ToHost.done:
        this.thread.free()
        this.#over(this.#interruption ?? exitOf(this.#request, message))
        break
      case ToHost.returned:
        this.thread.free()
        this.#startAgain(message[1])
        break
      default:
        this.#telemetry.heard(message)
    }
  }

  lost(reason: JobErrorReason): void {
    const told = reason._tag === "CannotKill" ? undefined : this.#interruption
    this.#over(told ?? failed(this.#request, reason))
  }

  /** Ends it, with `exit` as its exit unless its thread does not end. `ended` is called after that. */
  interrupt(exit: Exit.Exit<never, JobError>, ended: (exit: Exit.Exit<unknown, unknown>) => void): void {
    if (this.#exit !== undefined) {
      ended(this.#exit)
      return
    }
    this.#onEnd.push(ended)
    if (this.#isOver || this.#interruption !== undefined) return
    this.#interruption = exit
    this.thread.interrupt()
    this.#calls.end(nothing)
    this.#killing = setTimeout(() => void this.thread.end(), this.pool.grace)
  }

  /** Calls the function when it has left its thread: now, if it has. Handlers of its operations may go on. */
  whenLeft(f: () => void): void {
    if (this.#isOver) f()
    else this.#onLeave.push(f)
  }

  /** Its thread ends, and it has not begun. */
  #startAgain(args: ReadonlyArray<unknown>): void {
    void this.thread.end()
    if (this.#interruption !== undefined) {
      this.#over(this.#interruption)
      return
    }
    try {
      this.thread = this.pool.freshThread()
      this.start(args, [])
    } catch (cause) {
      this.#over(failed(this.#request, { _tag: "NotStarted", cause }))
    }
  }

  #over(exit: Exit.Exit<unknown, unknown>): void {
    if (this.#isOver) return
    this.#isOver = true
    clearTimeout(this.#killing)
    this.pool.leave(this)
    for (const each of this.#onLeave) each()
    this.#calls.end(() => {
      this.#telemetry.end()
      this.#exit = exit
      for (const each of this.#onEnd) each(exit)
    })
  }

  #contextFor(handler: Handler, span: number): Context.Context<never> {
    const context = handlerContext(this.#telemetry.within(span), handler.context, this.pool.references)
    return Context.add(context, Lineage, this)
  }
}

const nothing = (): void => {}
