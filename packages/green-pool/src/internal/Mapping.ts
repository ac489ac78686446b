/**
 * `map` over what is read without waiting: no fiber of its own, and no more items in memory than run, and two.
 */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { AsyncResource } from "node:async_hooks"
import { PoolClosed, SourceError, type TaskDropped } from "../PoolError.ts"
import { Item, readAhead } from "./Item.ts"
import type { Candidate, Workers } from "./Workers.ts"

/** What a mapping fails with besides the errors of its items. */
export type Failure = SourceError | PoolClosed | TaskDropped

export interface MappingOptions {
  readonly priority: number
  readonly key: unknown
  readonly discard: boolean
}

export class Mapping<I, A, E, R> {
  readonly #workers: Workers
  readonly #items: Iterator<I>
  readonly #work: (item: I, index: number) => Effect.Effect<A, E, R>
  readonly #context: Context.Context<R>
  readonly #submitter: AsyncResource
  readonly #options: MappingOptions
  readonly #results: Array<A> = []
  readonly #active = new Set<Item<A, E, R>>()
  #done: (exit: Exit.Exit<Array<A>, E | Failure>) => void
  #failure: Exit.Exit<never, E | Failure> | undefined
  #candidate: Candidate | undefined
  #read = 0
  #exhausted = false
  #reading = false
  #resting = false
  #over = false

  constructor(
    workers: Workers,
    items: Iterable<I>,
    work: (item: I, index: number) => Effect.Effect<A, E, R>,
    context: Context.Context<R>,
    submitter: AsyncResource,
    options: MappingOptions,
    done: (exit: Exit.Exit<Array<A>, E | Failure>) => void
  ) {
    this.#workers = workers
    this.#items = items[Symbol.iterator]()
    this.#work = work
    this.#context = context
    this.#submitter = submitter
    this.#options = options
    this.#done = done
  }

  /** Reads on, as far as there are workers for it. */
  advance(): void {
    if (this.#reading || this.#resting || this.#over) return
    this.#reading = true
    while (this.#mayRead()) this.#readOne()
    this.#reading = false
    if (this.#active.size > 0 || this.#resting || this.#candidate !== undefined) return
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

  #stop(failure: Exit.Exit<never, E | Failure>): void {
    if (this.#failure === undefined) {
      this.#failure = failure
      this.#close()
    }
    if (this.#candidate !== undefined) {
      const { job } = this.#candidate
      this.#workers.giveUp(this.#candidate)
      this.#candidate = undefined
      job.drop("interrupted")
    }
    for (const item of [...this.#active]) item.interruptUnsafe()
    this.advance()
  }

  #mayRead(): boolean {
    if (this.#exhausted || this.#failure !== undefined || this.#candidate !== undefined) return false
    if (this.#active.size >= this.#workers.maxWorkers + readAhead) return false
    this.#resting = this.#workers.yields(() => {
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
    if (this.#workers.closed) {
      this.#failure = Exit.fail(new PoolClosed())
      this.#close()
      return
    }
    this.#start(step.value, this.#read++)
  }

  #start(value: I, index: number): void {
    const { discard, key, priority } = this.#options
    const item = new Item<A, E, R>(
      (exit, item) => {
        this.#active.delete(item)
        if (Exit.isFailure(exit)) {
          if (this.#failure === undefined) this.#stop(Exit.failCause(exit.cause))
        } else if (!discard) this.#results[index] = exit.value
        this.advance()
      },
      this.#workers,
      this.#work(value, index),
      this.#context,
      key,
      this.#submitter
    )
    this.#active.add(item)
    if (this.#workers.admit(item, priority)) return
    this.#candidate = {
      job: item,
      priority,
      admitted: () => {
        this.#candidate = undefined
        this.advance()
      },
      refused: () => {
        this.#candidate = undefined
        this.#failure ??= Exit.fail(new PoolClosed())
        item.drop("interrupted")
      }
    }
    this.#workers.await(this.#candidate)
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
