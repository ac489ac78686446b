/**
 * Where requests arrive: who gets a worker, who is queued, and who is sent away. One for each app.
 */
import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import { Greenlet } from "green-core"
import type { RequestCounts } from "../../RunInPool.ts"
import type { Pool } from "../Pool.ts"
import type { Workers } from "../Workers.ts"
import type { BodyBudget } from "./BodyBudget.ts"
import { type Refusals, refusals } from "./Refusal.ts"
import type { RequestJob } from "./RequestJob.ts"

export interface ReceptionOptions {
  readonly pool: Pool
  /** How many may be queued; `undefined` for so many per worker. */
  readonly capacity: number | undefined
  readonly priority: number
  /** In seconds. */
  readonly retryAfter: number
  /** In milliseconds. */
  readonly deadline: number | undefined
  readonly grace: number | undefined
  readonly budget: BodyBudget | undefined
  readonly clock: Clock.Clock
  readonly runFork: <A>(effect: Effect.Effect<A>) => Fiber.Fiber<A>
}

/** How many requests may be queued for each worker. */
const queuedPerWorker = 50

export class Reception implements RequestCounts {
  readonly pool: Pool
  readonly workers: Workers
  readonly refusals: Refusals
  received = 0
  answered = 0
  refused = 0
  dropped = 0
  queued = 0
  waited = 0
  readonly #options: ReceptionOptions
  /** Whether any of them may be given up. */
  readonly #isTimed: boolean
  /** Then those that are not over, in the order of arrival, which is that of their deadlines. */
  #oldest: RequestJob | undefined
  #newest: RequestJob | undefined
  #closing = false
  #alarm: Fiber.Fiber<void> | undefined
  #drained: (() => void) | undefined

  constructor(options: ReceptionOptions) {
    this.#options = options
    this.#isTimed = options.deadline !== undefined || options.grace !== undefined
    this.pool = options.pool
    this.workers = options.pool.workers
    this.refusals = refusals(options.retryAfter)
  }

  get pending(): number {
    return this.received - this.answered - this.refused - this.dropped
  }

  get heldBytes(): number {
    return this.#options.budget?.held ?? 0
  }

  /** Whether the caller runs in a worker of the pool: then there is nothing to wait for. */
  get isInside(): boolean {
    return this.workers.jobOf(Greenlet.currentUnsafe()) !== undefined
  }

  receive(job: RequestJob): void {
    const { budget, deadline } = this.#options
    this.received++
    if (this.#isTimed) this.#add(job)
    if (this.#closing || this.workers.closed) return job.refuse("closing")
    if (deadline !== undefined) {
      job.since = this.#now()
      this.#alarm ??= this.#ring(deadline)
    }
    if (budget === undefined || !job.hasBody) return this.admit(job)
    job.state = "reading"
    job.keepCaller()
    job.watch()
    if (job.state === "reading") job.read(budget)
  }

  /** Gives it a worker, or a place in the queue, or neither. */
  admit(job: RequestJob): void {
    const { capacity = queuedPerWorker * this.workers.maxWorkers, priority } = this.#options
    job.state = "arriving"
    if (!this.workers.admit(job, priority, this.queued < capacity)) {
      this.pool.rejected++
      job.refuse(this.workers.closed ? "closing" : "full")
    } else if (job.state === "arriving") {
      job.state = "queued"
      job.queuedAt = this.#now()
      this.queued++
      job.keepCaller()
      job.watch()
    }
  }

  /** It starts. */
  started(job: RequestJob): void {
    if (job.state === "queued") {
      this.queued--
      this.waited += this.#now() - job.queuedAt
    }
    job.state = "running"
  }

  over(job: RequestJob, outcome: "answered" | "refused" | "dropped"): void {
    if (job.state === "queued") {
      this.queued--
      this.waited += this.#now() - job.queuedAt
    }
    job.state = "over"
    job.ended = true
    this[outcome]++
    this.#options.budget?.giveBack(job)
    if (this.#isTimed) this.#remove(job)
    if (this.#drained !== undefined && this.pending === 0) this.#drained()
  }

  /** Takes no more, and waits until all is answered; those that are not after the grace are given up. */
  get close(): Effect.Effect<void> {
    return Effect.suspend(() => {
      const { grace, runFork } = this.#options
      this.#closing = true
      const drained = Effect.callback<void>((resume) => {
        if (this.pending === 0) return resume(Effect.void)
        this.#drained = () => resume(Effect.void)
      })
      const giveUp = Effect.sync(() => this.#giveUp("closing", () => true))
      const alarm = grace === undefined ? undefined : runFork(Effect.andThen(Effect.sleep(grace), giveUp))
      return Effect.ensuring(
        drained,
        Effect.sync(() => {
          alarm?.interruptUnsafe()
          this.#alarm?.interruptUnsafe()
        })
      )
    })
  }

  #now(): number {
    return this.#options.clock.currentTimeMillisUnsafe()
  }

  /** Gives up, after so many milliseconds, whoever is too late then: one alarm for all of them. */
  #ring(milliseconds: number): Fiber.Fiber<void> {
    const { deadline = Infinity, runFork } = this.#options
    const rung = Effect.sync(() => {
      this.#alarm = undefined
      const now = this.#now()
      this.#giveUp("late", (job) => job.since + deadline <= now)
      if (this.#oldest !== undefined) this.#alarm ??= this.#ring(Math.max(1, this.#nextDue(deadline) - now))
    })
    return runFork(Effect.andThen(Effect.sleep(milliseconds), rung))
  }

  /** When the first is due that has not been given up already. */
  #nextDue(deadline: number): number {
    const now = this.#now()
    for (let job = this.#oldest; job !== undefined; job = job.newer) {
      if (job.since + deadline > now) return job.since + deadline
    }
    return now + deadline
  }

  #giveUp(reason: "late" | "closing", from: (job: RequestJob) => boolean): void {
    const waiting: Array<RequestJob> = []
    const running: Array<RequestJob> = []
    for (let job = this.#oldest; job !== undefined && from(job); job = job.newer) {
      if (job.state === "running") running.push(job)
      else waiting.push(job)
    }
    // In this order, or one that waits would be given the worker of one that ends.
    for (const job of waiting) job.giveUp(reason)
    for (const job of running) job.giveUp(reason)
  }

  #add(job: RequestJob): void {
    job.older = this.#newest
    if (this.#newest === undefined) this.#oldest = job
    else this.#newest.newer = job
    this.#newest = job
  }

  #remove(job: RequestJob): void {
    const { newer, older } = job
    if (older === undefined) this.#oldest = newer
    else older.newer = newer
    if (newer === undefined) this.#newest = older
    else newer.older = older
    job.newer = job.older = undefined
  }
}
