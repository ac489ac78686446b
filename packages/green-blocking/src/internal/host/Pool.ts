/**
 * The threads of a pool: who is given which, when one is started, and when it is ended.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { JobRequest, WorkersStatistics } from "../../GreenWorkers.ts"
import { JobError, type JobErrorReason } from "../../JobError.ts"
import type { AnySharedReference } from "../../SharedReference.ts"
import { inspect, problemOf } from "../cloneable.ts"
import { failed } from "./exits.ts"
import type { Handler } from "./Handlers.ts"
import { type Home, Job } from "./Job.ts"
import { jobContextOf } from "./jobContext.ts"
import { List } from "./List.ts"
import { Lineage, lendersIn, lineageOf } from "./Lineage.ts"
import { type Slot, Slots } from "./Slots.ts"
import { type Owner, Thread, type ThreadOptions } from "./Thread.ts"

/** What the options of a pool come to. All times in milliseconds. */
export interface PoolOptions {
  readonly size: number
  readonly minSize: number
  readonly idleTimeout: number
  readonly maxJobs: number
  readonly maxDepth: number
  readonly grace: number
  readonly killDeadline: number
  readonly references: ReadonlyArray<AnySharedReference>
  readonly thread: ThreadOptions
}

type Resume = (exit: Exit.Exit<unknown, unknown>) => void

export class Pool implements Home, Owner {
  readonly handlers: ReadonlyMap<string, Handler>
  readonly references: ReadonlyArray<AnySharedReference>
  readonly grace: number
  readonly killDeadline: number
  readonly #options: PoolOptions
  readonly #slots: Slots
  /** All that can be given jobs. */
  readonly #threads = new Set<Thread>()
  /** The last one that was used is the first to be used again: it is the warmest. */
  readonly #idle: Array<Thread> = []
  /** Of each thread that has had a job: set anew at the end of each. */
  readonly #timers = new Map<Thread, NodeJS.Timeout>()
  /** Those that did not end when they were to. */
  readonly #stuck = new Set<Thread>()
  /** Those that end. */
  readonly #ending = new Set<Promise<unknown>>()
  readonly #jobs = new List<Job>()
  /** How those that wait for a slot are told that there will be none. */
  readonly #waiting = new List<() => void>()
  #started = 0
  #isClosed = false

  constructor(handlers: ReadonlyMap<string, Handler>, options: PoolOptions) {
    this.handlers = handlers
    this.references = options.references
    this.grace = options.grace
    this.killDeadline = options.killDeadline
    this.#options = options
    this.#slots = new Slots(options.size)
    this.#warm()
  }

  get statistics(): WorkersStatistics {
    return {
      size: this.#options.size,
      threads: this.#threads.size,
      idle: this.#idle.length,
      running: this.#jobs.size,
      queued: this.#slots.queued,
      stuck: this.#stuck.size,
      started: this.#started
    }
  }

  /** Runs a job. Interruption takes it out of the queue, or ends it and waits until it has ended. */
  run(request: JobRequest): Effect.Effect<unknown, unknown> {
    return Effect.withFiber((fiber) => {
      const caller = fiber.context
      const lineage = Context.get(caller, Lineage)
      const depth = (lineage?.depth ?? 0) + 1
      if (depth > this.#options.maxDepth) return failed(request, { _tag: "NestedTooDeep", depth })
      return Effect.callback((resume) => this.#enqueue(request, caller, lineage, resume))
    })
  }

  #enqueue(
    request: JobRequest,
    caller: Context.Context<never>,
    lineage: Lineage | undefined,
    resume: Resume
  ): Effect.Effect<void> | undefined {
    if (this.#isClosed) {
      resume(failed(request, { _tag: "Closed" }))
      return
    }
    let job: Job | undefined
    const close = (): void => {
      withdraw()
      resume(failed(request, { _tag: "Closed" }))
    }
    const waiting = this.#waiting.add(close)
    const withdraw = this.#slots.acquire(lendersIn(this, lineage), (slot) => {
      this.#waiting.remove(waiting)
      job = this.#start(slot, request, caller, resume)
    })
    return Effect.suspend(() => {
      if (job !== undefined) return interrupt(job, Exit.interrupt())
      this.#waiting.remove(waiting)
      withdraw()
      return Effect.void
    })
  }

  #start(slot: Slot, request: JobRequest, caller: Context.Context<never>, resume: Resume): Job | undefined {
    const refuse = (reason: JobErrorReason): undefined => {
      this.#slots.release(slot)
      resume(failed(request, reason))
    }
    const { problem, transfer } = inspect(request.args)
    if (problem !== undefined) return refuse({ _tag: "NotCloneable", part: "arguments", ...problem })
    const context = jobContextOf(caller, this.references)
    if (context !== undefined && "invalid" in context) return refuse({ _tag: "InvalidReference", ...context.invalid })
    let thread: Thread
    try {
      thread = this.#lease()
    } catch (cause) {
      return refuse({ _tag: "NotStarted", cause })
    }
    const job = new Job(this, thread, slot, request, caller, context, resume)
    try {
      job.start(request.args, [...transfer])
    } catch (error) {
      this.#return(thread)
      return refuse({ _tag: "NotCloneable", part: "arguments", ...problemOf(error) })
    }
    job.place = this.#jobs.add(job)
    return job
  }

  freshThread(): Thread {
    const thread = new Thread(this.#options.thread, this)
    this.#threads.add(thread)
    this.#started++
    return thread
  }

  leave(job: Job): void {
    if (job.place !== undefined) this.#jobs.remove(job.place)
    // Before the slot, which may go to somebody who takes the thread at once.
    this.#return(job.thread)
    this.#slots.release(job.slot)
  }

  waits(job: Job, isWaiting: boolean): void {
    this.#slots.waits(job.slot, isWaiting)
  }

  ending(thread: Thread, ended: Promise<void>): void {
    this.#replace(thread)
    const ending: Promise<unknown> = ended.then(() => this.#ending.delete(ending))
    this.#ending.add(ending)
  }

  gone(thread: Thread): void {
    this.#stuck.delete(thread)
    this.#replace(thread)
  }

  stuck(thread: Thread): void {
    this.#stuck.add(thread)
  }

  /**
   * Takes no more jobs, interrupts those that there are, and ends all threads. A handler that closes the pool is not
   * waited for, nor are the jobs for which it runs beyond the leaving of their threads: they wait for it.
   */
  get close(): Effect.Effect<void> {
    return Effect.withFiber((fiber) => {
      this.#isClosed = true
      for (const close of this.#waiting.values) close()
      const own = lineageOf(Context.get(fiber.context, Lineage))
      const jobs = this.#jobs.values.map((job) => {
        const closed = failed(job, { _tag: "Closed" })
        return own.includes(job) ? dismiss(job, closed) : Effect.exit(interrupt(job, closed))
      })
      const threads = Effect.promise(() => {
        for (const thread of this.#threads) void thread.end()
        return Promise.all(this.#ending)
      })
      return Effect.asVoid(Effect.andThen(Effect.all(jobs, { concurrency: "unbounded" }), threads))
    })
  }

  #lease(): Thread {
    const thread = this.#idle.pop()
    return thread ?? this.freshThread()
  }

  /** It has ended its job. */
  #return(thread: Thread): void {
    if (!thread.isUsable) return
    const { idleTimeout, maxJobs, size } = this.#options
    if (this.#isClosed || thread.jobs >= maxJobs || this.#threads.size > size) {
      void thread.end()
      return
    }
    this.#idle.push(thread)
    if (idleTimeout === Infinity) return
    const known = this.#timers.get(thread)
    if (known !== undefined) {
      known.refresh()
      return
    }
    const timer = setTimeout(() => {
      if (this.#idle.includes(thread) && this.#threads.size > this.#options.minSize) void thread.end()
    }, idleTimeout)
    timer.unref()
    this.#timers.set(thread, timer)
  }

  /** It takes no more jobs. One that has never had any may be one that cannot start: others would not, either. */
  #replace(thread: Thread): void {
    if (!this.#threads.delete(thread)) return
    clearTimeout(this.#timers.get(thread))
    this.#timers.delete(thread)
    const place = this.#idle.indexOf(thread)
    if (place >= 0) this.#idle.splice(place, 1)
    if (thread.jobs > 0) this.#warm()
  }

  /** There are always so many. If they cannot be started, the next job tells why. */
  #warm(): void {
    try {
      while (!this.#isClosed && this.#threads.size < this.#options.minSize) this.#idle.unshift(this.freshThread())
    } catch {
      return
    }
  }
}

/** Ends the job. A thread that does not end is told as a defect, for an interruption has no error. */
const interrupt = (job: Job, as: Exit.Exit<never, JobError>): Effect.Effect<void> =>
  Effect.callback((resume) =>
    job.interrupt(as, (exit) => {
      const failure = Exit.isFailure(exit) ? exit.cause.reasons.find((each) => each._tag === "Fail") : undefined
      resume(isCannotKill(failure?.error) ? Effect.die(failure?.error) : Effect.void)
    })
  )

/** The same, over when the job has left its thread: by the grace at the latest, or when its thread is given up. */
const dismiss = (job: Job, as: Exit.Exit<never, JobError>): Effect.Effect<void> =>
  Effect.callback((resume) => {
    job.interrupt(as, nothing)
    job.whenLeft(() => resume(Effect.void))
  })

const nothing = (): void => {}

const isCannotKill = (error: unknown): boolean => error instanceof JobError && error.reason._tag === "CannotKill"
