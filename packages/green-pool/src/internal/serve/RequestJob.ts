/**
 * A request: its place in the queue, its greenlet, and how far it has come, in one.
 *
 * What is the same for every kind of app. How a handler is called, and an answer given, is for those who extend it.
 */
import { Greenlet } from "green-core"
import { AsyncResource } from "node:async_hooks"
import type { Job } from "../Job.ts"
import type { Lane } from "../JobQueue.ts"
import * as Nest from "../Nest.ts"
import type { Workers } from "../Workers.ts"
import type { BodyBudget } from "./BodyBudget.ts"
import type { Reception } from "./Reception.ts"
import type { Reason, Refusal } from "./Refusal.ts"

export abstract class RequestJob implements Job {
  order = 0
  lane: Lane | undefined = undefined
  next: Job | undefined = undefined
  previous: Job | undefined = undefined
  nest: Nest.Nest | undefined = undefined
  ended = false
  /** Before and after it in the order of arrival. */
  older: RequestJob | undefined = undefined
  newer: RequestJob | undefined = undefined
  /** When it has come, if there is a deadline, and when it was queued. */
  since = 0
  queuedAt = 0
  /** Bytes of its body. */
  held = 0
  state: "arriving" | "reading" | "queued" | "running" | "over" = "arriving"
  readonly reception: Reception
  /** The asynchronous context of its arrival, if it does not start at once. */
  #caller: AsyncResource | undefined = undefined

  constructor(reception: Reception) {
    this.reception = reception
  }

  /** Calls the handler. `end` when the turn is over. */
  protected abstract serve(): void
  /** Answers instead of the handler: it has not been called. */
  abstract reply(refusal: Refusal): void
  /** Asks the handler to end, and answers in its place, if it is still time. `end` when the turn is over. */
  protected abstract stop(refusal: Refusal): void
  /** Starts to notice that the client leaves, and calls `leave` then. */
  abstract watch(): void
  /** Whether there is a body to wait for. */
  abstract get hasBody(): boolean
  /** Reads the body, within the budget. Then `reception.admit`, or `refuse`. */
  abstract read(budget: BodyBudget): void

  get workers(): Workers {
    return this.reception.workers
  }

  get key(): undefined {
    return undefined
  }

  get parent(): Greenlet.Greenlet {
    return Nest.hostOf(this) ?? this.workers.parent
  }

  /** What starts it is not what it came by: remembers that. */
  keepCaller(): void {
    this.#caller ??= new AsyncResource("RunInPool")
  }

  start(): void {
    this.reception.started(this)
    this.keepCaller()
    const caller = this.#caller
    this.#caller = undefined
    if (caller !== undefined) Greenlet.enterFromUnsafe(caller, this, RequestJob.#serve, this)
  }

  /** The turn is over. */
  end(): void {
    if (this.state !== "running") return
    this.reception.over(this, "answered")
    Nest.leave(this)
    this.workers.advance()
  }

  /** Answers it without a turn. */
  refuse(reason: Reason): void {
    if (!this.#withdraw("refused")) return
    this.reply(this.reception.refusals[reason])
  }

  /** The client has left. */
  leave(): void {
    this.#withdraw("dropped")
  }

  /** It has taken too long, or the pool is shut down. */
  giveUp(reason: "late" | "closing"): void {
    if (this.state === "running") this.stop(this.reception.refusals[reason])
    else this.refuse(reason)
  }

  /** The pool will not start it: it was cleared, or makes room. */
  drop(why: "interrupted" | "outrun"): void {
    this.refuse(why === "outrun" ? "full" : "closing")
  }

  interruptUnsafe(): void {
    this.giveUp("closing")
  }

  /** Takes it out of wherever it waits; answers whether it was waiting. */
  #withdraw(outcome: "refused" | "dropped"): boolean {
    if (this.state === "running" || this.state === "over") return false
    this.#caller = undefined
    this.reception.over(this, outcome)
    this.workers.remove(this)
    return true
  }

  static readonly #serve = (job: RequestJob): void => job.serve()
}
