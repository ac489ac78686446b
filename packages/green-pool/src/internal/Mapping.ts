/**
 * `map` over what is read without waiting: no fiber of its own, no handles, and no more items in memory than run, and
 * two.
 */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import { Greenlet } from "green-core"
import type { AsyncResource } from "node:async_hooks"
import { PoolClosed, SourceError, TaskDropped } from "../PoolError.ts"
import type { Job } from "./Job.ts"
import type { Lane } from "./JobQueue.ts"
import * as Nest from "./Nest.ts"
import { type Candidate, readAhead, type Workers } from "./Workers.ts"

/** What a mapping fails with besides the errors of its items. */
type Failure = SourceError | PoolClosed | TaskDropped

export interface MappingOptions<I, A, E, R> {
  readonly workers: Workers
  readonly work: (item: I, index: number) => Effect.Effect<A, E, R>
  readonly context: Context.Context<R>
  /** The asynchronous context of who has called. */
  readonly submitter: AsyncResource
  readonly priority: number
  readonly key: unknown
  readonly discard: boolean
  readonly done: (exit: Exit.Exit<Array<A>, E | Failure>) => void
}

export class Mapping<I, A, E, R> {
  readonly options: MappingOptions<I, A, E, R>
  readonly runFork: <B, F>(effect: Effect.Effect<B, F, R>) => Fiber.Fiber<B, F>
  readonly #items: Iterator<I>
  readonly #results: Array<A> = []
  readonly #active: Array<ItemJob<I, A, E, R>> = []
  #done: (exit: Exit.Exit<Array<A>, E | Failure>) => void
  #failure: Exit.Exit<never, E | Failure> | undefined
  #candidate: Candidate | undefined
  #read = 0
  #exhausted = false
  #reading = false
  #resting = false
  #over = false

  constructor(items: Iterable<I>, options: MappingOptions<I, A, E, R>) {
    this.options = options
    this.runFork = Effect.runForkWith(options.context)
    this.#items = items[Symbol.iterator]()
    this.#done = options.done
  }

  /** Reads on, as far as there are workers for it. */
  advance(): void {
    if (this.#reading || this.#resting || this.#over) return
    this.#reading = true
    while (this.#mayRead()) this.#readOne()
    this.#reading = false
    if (this.#active.length > 0 || this.#resting || this.#candidate !== undefined) return
    if (!this.#exhausted && this.#failure === undefined) return
    this.#over = true
    this.#done(this.#failure ?? Exit.succeed(this.#results))
  }

  /** Reads no more, interrupts what runs, and waits for its end. */
  get interrupt(): Effect.Effect<void> {
    return Effect.callback((resume) => {
      this.#done = () => resume(Effect.void)
      this.#stop(Exit.interrupt())
    })
  }

  /** An item has ended. */
  ended(job: ItemJob<I, A, E, R>, exit: Exit.Exit<A, E | TaskDropped>): void {
    const last = this.#active.pop()
    if (last !== undefined && last !== job) {
      this.#active[job.place] = last
      last.place = job.place
    }
    if (exit._tag === "Success") {
      if (!this.options.discard) this.#results[job.index] = exit.value
    } else if (this.#failure === undefined) this.#stop(Exit.failCause(exit.cause))
    this.advance()
  }

  #stop(failure: Exit.Exit<never, E | Failure>): void {
    if (this.#failure === undefined) {
      this.#failure = failure
      this.#close()
    }
    if (this.#candidate !== undefined) {
      const { job } = this.#candidate
      this.options.workers.giveUp(this.#candidate)
      this.#candidate = undefined
      job.drop("interrupted")
    }
    this.options.workers.interrupt(this.#active)
    this.advance()
  }

  #mayRead(): boolean {
    if (this.#exhausted || this.#failure !== undefined || this.#candidate !== undefined) return false
    const { workers } = this.options
    if (this.#active.length >= workers.maxWorkers + readAhead) return false
    this.#resting = workers.yields(() => {
      this.#resting = false
      this.advance()
    })
    return !this.#resting
  }

  #readOne(): void {
    let step: IteratorResult<I>
    try {
      step = this.#items.next()
    } catch (cause) {
      this.#exhausted = true
      this.#stop(Exit.fail(new SourceError({ cause })))
      return
    }
    if (step.done === true) {
      this.#exhausted = true
      return
    }
    if (this.options.workers.closed) {
      this.#failure = Exit.fail(new PoolClosed())
      this.#close()
      return
    }
    const job = new ItemJob(this, step.value, this.#read++)
    job.place = this.#active.push(job) - 1
    if (!this.options.workers.admit(job, this.options.priority)) this.#wait(job)
  }

  #wait(job: ItemJob<I, A, E, R>): void {
    this.#candidate = {
      job,
      priority: this.options.priority,
      admitted: () => {
        this.#candidate = undefined
        this.advance()
      },
      refused: () => {
        this.#candidate = undefined
        this.#failure ??= Exit.fail(new PoolClosed())
        job.drop("interrupted")
      }
    }
    this.options.workers.await(this.#candidate)
  }

  #close(): void {
    if (this.#exhausted) return
    this.#exhausted = true
    try {
      this.#items.return?.()
    } catch {
      // The failure that ends the mapping came before.
    }
  }
}

/** One item, which nobody has a handle of. */
class ItemJob<I, A, E, R> implements Job {
  order = 0
  lane: Lane | undefined = undefined
  next: Job | undefined = undefined
  previous: Job | undefined = undefined
  nest: Nest.Nest | undefined = undefined
  ended = false
  readonly workers: Workers
  readonly key: unknown
  /** Where it is among those that have not ended. */
  place = 0
  readonly index: number
  readonly #item: I
  readonly #mapping: Mapping<I, A, E, R>
  #fiber: Fiber.Fiber<A, E> | "to be interrupted" | undefined = undefined

  constructor(mapping: Mapping<I, A, E, R>, item: I, index: number) {
    this.workers = mapping.options.workers
    this.key = mapping.options.key
    this.index = index
    this.#item = item
    this.#mapping = mapping
  }

  get parent(): Greenlet.Greenlet {
    return Nest.hostOf(this) ?? this.workers.parent
  }

  start(): void {
    Greenlet.enterFromUnsafe(this.#mapping.options.submitter, this, ItemJob.#fork, this)
  }

  drop(why: "interrupted" | "outrun"): void {
    this.#mapping.ended(this, why === "outrun" ? Exit.fail(new TaskDropped()) : Exit.interrupt())
  }

  interruptUnsafe(): void {
    if (this.workers.remove(this)) this.drop("interrupted")
    else if (typeof this.#fiber === "object") this.#fiber.interruptUnsafe()
    else this.#fiber = "to be interrupted"
  }

  static readonly #fork = <I, A, E, R>(job: ItemJob<I, A, E, R>): void => {
    const mapping = job.#mapping
    let effect: Effect.Effect<A, E, R>
    try {
      effect = mapping.options.work(job.#item, job.index)
    } catch (defect) {
      effect = Effect.die(defect)
    }
    const fiber = mapping.runFork(effect)
    if (job.#fiber === "to be interrupted") fiber.interruptUnsafe()
    job.#fiber = fiber
    fiber.addObserver((exit) => {
      job.ended = true
      Nest.leave(job)
      mapping.ended(job, exit)
      job.workers.advance()
    })
  }
}
