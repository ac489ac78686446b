/**
 * Pools of greenlets: as many tasks at a time as there are workers, the others in a queue.
 *
 * @since 0.1.0
 */
import type * as Cause from "effect/Cause"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import type { GreenTask } from "green-core"
import { Pool } from "./internal/Pool.ts"
import type { Input, InputError, InputServices, Item } from "./Input.ts"
import type { PoolClosed, PoolFull, PoolOptionError, TaskDropped } from "./PoolError.ts"

/**
 * What happens to new work while the queue is full:
 *
 * - `"suspend"`: `submit` waits for a place, first come, first served; `submitUnsafe` throws `PoolFull`.
 * - `"fail"`: `submit` fails `PoolFull`.
 * - `"drop-oldest"`: the oldest queued task of the lowest priority makes room, and fails `TaskDropped`.
 *
 * @category models
 * @since 0.1.0
 */
export type Overflow = "suspend" | "fail" | "drop-oldest"

/**
 * How `submit` refuses, besides `PoolClosed`.
 *
 * @category models
 * @since 0.1.0
 */
export type Refused<O extends Overflow> = O extends "fail" ? PoolFull : never

/**
 * How a task fails that was queued.
 *
 * @category models
 * @since 0.1.0
 */
export type Dropped<O extends Overflow> = O extends "drop-oldest" ? TaskDropped : never

/**
 * How a pool is made.
 *
 * @category models
 * @since 0.1.0
 */
export interface MakeOptions<O extends Overflow = "suspend"> {
  /** How many tasks run at a time: 100 unless said. */
  readonly maxWorkers?: number
  /** How many tasks may be queued: any number unless said. 0 for none: work is taken only by a free worker. */
  readonly capacity?: number
  /** What happens when more are. `"suspend"` unless said. */
  readonly overflow?: O
  /** How many workers those with the same `key` may have: any number unless said. */
  readonly keyLimit?: number
  /** How many tasks may start in any stretch of time of that length. */
  readonly rate?: { readonly limit: number; readonly interval: Duration.Input }
  /** A pool with a name keeps metrics, with the attribute `pool`: see the README. */
  readonly name?: string
}

/**
 * How one task is queued, and how long it may take.
 *
 * @category models
 * @since 0.1.0
 */
export interface SubmitOptions {
  /** Of the queued tasks those with the higher number start first: 0 unless said. Any number but NaN, which counts as 0. */
  readonly priority?: number
  /** Whose the task is, for `keyLimit`. Compared as the keys of a `Map`. */
  readonly key?: unknown
  /** How long it may take from its start; then it is interrupted and fails with a `TimeoutError`. */
  readonly timeout?: Duration.Input
}

/**
 * What a task with these options may fail with besides its own errors.
 *
 * @category models
 * @since 0.1.0
 */
export type TimedOut<Options> = "timeout" extends keyof Options ? Cause.TimeoutError : never

/**
 * How the items of `map` are queued, and whether there are results.
 *
 * @category models
 * @since 0.1.0
 */
export interface MapOptions extends SubmitOptions {
  readonly discard?: boolean
}

/**
 * How the items of `imap` are queued, and whether each gives its `Exit`.
 *
 * @category models
 * @since 0.1.0
 */
export interface StreamOptions extends SubmitOptions {
  readonly exits?: boolean
}

/** What an option of that name is, if it is there. */
type Option<Options, Name> = Name extends keyof Options ? Options[Name] : undefined

/**
 * The results of `map`.
 *
 * @category models
 * @since 0.1.0
 */
export type Mapped<B, Options> =
  Option<Options, "discard"> extends infer Discard ? (Discard extends true ? void : Array<B>) : never

/**
 * The stream of `imap`, whose items fail with `E`, and their source with `ES`.
 *
 * @category models
 * @since 0.1.0
 */
export type Streamed<B, E, ES, R, Options> =
  Option<Options, "exits"> extends infer Exits
    ? Exits extends true
      ? Stream.Stream<Exit.Exit<B, E>, ES, R>
      : Stream.Stream<B, E | ES, R>
    : never

/**
 * How a pool ends. `interrupt`: nothing (what was accepted is done first), `"queued"` tasks, or all, which is `true`.
 *
 * @category models
 * @since 0.1.0
 */
export interface ShutdownOptions {
  readonly interrupt?: boolean | "queued"
}

/**
 * A pool of greenlets.
 *
 * A task is an Effect. It runs in a fiber and a greenlet of its own, so its locals start fresh, with the context of who
 * submitted it: services, references, span, and the asynchronous context of Node. Tasks start in order of submission;
 * `priority`, `key` and `rate` change who comes next. An error, a defect or an interruption is the task's and never
 * costs a worker; a worker is free only when its task has ended, finalizers included.
 *
 * **Nesting** cannot deadlock and cannot exceed the size. In a task, `run`s of the same pool take turns in the task's
 * own slot, also those of fibers that it forked; priority, key, rate, capacity and pause are not asked. Joining a task
 * that is still queued runs it in the joiner's slot, which costs its key no worker. A task that waits for room in the queue, or for the pool to be
 * empty, runs what is queued in its slot meanwhile. What the pool cannot see is a task that waits for another in a way
 * of its own, as by a `Deferred`.
 *
 * **Turns**: tasks that never suspend do not starve timers and input.
 *
 * @category models
 * @since 0.1.0
 */
export interface GreenPool<out O extends Overflow = "suspend"> {
  /** How many tasks may run at a time. */
  readonly maxWorkers: number
  /** How many workers there are: started when they are needed, kept until the pool shrinks or is shut down. */
  readonly size: number
  /** How many workers have nothing to do. */
  readonly idle: number
  /** How many have. */
  readonly running: number
  /** How many tasks wait for a worker. Those that wait for a place in the queue are not among them. */
  readonly queued: number
  /** Whether it was shut down. */
  readonly closed: boolean
  readonly paused: boolean
  /** Whether the code that asks runs in a task of this pool. */
  readonly inGreenWorker: boolean

  /**
   * Gives the pool a task, and answers its handle once it is running or queued: at once, unless it has to wait for room.
   * The task lives on its own: interrupting the submitter leaves it alone, `task.interrupt` takes it out of the queue or
   * interrupts it and waits for its end. Fails `PoolClosed`, and `PoolFull` with `overflow: "fail"`.
   */
  submit<A, E, R, Options extends SubmitOptions = {}>(
    effect: Effect.Effect<A, E, R>,
    options?: Options
  ): Effect.Effect<GreenTask.GreenTask<A, E | Dropped<O> | TimedOut<Options>>, PoolClosed | Refused<O>, R>

  /**
   * Performs the effect in the pool: its value, its error. Interrupting the caller interrupts it, queued or running, and
   * waits for its end.
   */
  run<A, E, R, Options extends SubmitOptions = {}>(
    effect: Effect.Effect<A, E, R>,
    options?: Options
  ): Effect.Effect<A, E | PoolClosed | Refused<O> | Dropped<O> | TimedOut<Options>, R>

  /**
   * `submit` for code that is no Effect. The context is that in which the pool was made. Throws `PoolClosed`, and
   * `PoolFull` unless the oldest makes room.
   */
  submitUnsafe<A, E, Options extends SubmitOptions = {}>(
    effect: Effect.Effect<A, E>,
    options?: Options
  ): GreenTask.GreenTask<A, E | Dropped<O> | TimedOut<Options>>

  /**
   * Performs `work` for each item, in the pool, and gives the results in the order of the items; with `discard: true`,
   * none. Reads the input only as workers become free, at most two items ahead, so it may be longer than the memory;
   * a full queue makes it wait, whatever `overflow` says. The first failure, of an item or of the source, interrupts
   * the other items and is the failure.
   */
  map<In extends Input, B, E, R, Options extends MapOptions = {}>(
    input: In,
    work: (item: Item<In>, index: number) => Effect.Effect<B, E, R>,
    options?: Options
  ): Effect.Effect<
    Mapped<B, Options>,
    E | InputError<In> | PoolClosed | Dropped<O> | TimedOut<Options>,
    R | InputServices<In>
  >

  /**
   * The results as a stream, in the order of the items. Nothing is read before somebody asks; then never more than two
   * items more than there are workers ahead of the consumer, so the input may be endless. The failure of an item comes
   * in its place and ends the stream, as does one of the source; with `exits: true` each item gives its `Exit`, and the
   * stream goes on. When the stream ends, whatever is left of it is interrupted, and the input closed.
   */
  imap<In extends Input, B, E, R, Options extends StreamOptions = {}>(
    input: In,
    work: (item: Item<In>, index: number) => Effect.Effect<B, E, R>,
    options?: Options
  ): Streamed<B, E | Dropped<O> | TimedOut<Options>, InputError<In> | PoolClosed, R | InputServices<In>, Options>

  /** The same, each result as soon as it is there. Inside of a task of the same pool the order is that of the items. */
  imapUnordered<In extends Input, B, E, R, Options extends StreamOptions = {}>(
    input: In,
    work: (item: Item<In>, index: number) => Effect.Effect<B, E, R>,
    options?: Options
  ): Streamed<B, E | Dropped<O> | TimedOut<Options>, InputError<In> | PoolClosed, R | InputServices<In>, Options>

  /** Puts a queued task behind those of that priority; `false` if it is not queued here. */
  setPriority(task: GreenTask.GreenTask<unknown, unknown>, priority: number): Effect.Effect<boolean>

  /**
   * Waits until nothing is queued or running. Inside of a task: until nothing is queued, and whatever else runs waits for
   * a task of the pool, or for all, too.
   */
  readonly join: Effect.Effect<void>

  /** Waits until fewer than so many tasks are queued. Fails `PoolOptionError` for a number that none can be fewer than. */
  whenQueuedBelow(count: number): Effect.Effect<void, PoolOptionError>

  /** Interrupts all that is queued, and answers how many that were. What runs is left alone. */
  readonly clear: Effect.Effect<number>

  /** Lets no queued task start until `resume`. What runs is left alone. */
  readonly pause: Effect.Effect<void>
  readonly resume: Effect.Effect<void>

  /** Changes how many tasks may run at a time. Those that run are left alone, also when they are more. */
  resize(maxWorkers: number): Effect.Effect<void, PoolOptionError>

  /**
   * Takes no more work, and waits until everything has ended. It may be called again, to interrupt what the first call
   * waits for. A paused pool is resumed by it. Interrupting the caller ends the waiting, not the shutdown. Closing the
   * scope of the pool is `shutdown({ interrupt: true })`.
   */
  shutdown(options?: ShutdownOptions): Effect.Effect<void>
}

/**
 * Makes a pool. It is shut down when the scope is closed: what is queued or runs then is interrupted.
 *
 * Fails `PoolOptionError` when a number makes no sense.
 *
 * @example
 * ```ts
 * import * as Effect from "effect/Effect"
 * import { GreenPool } from "green-pool"
 *
 * const program = Effect.gen(function*() {
 *   const pool = yield* GreenPool.make({ maxWorkers: 2 })
 *   const task = yield* pool.submit(Effect.succeed("submitted"))
 *   const value = yield* pool.run(Effect.succeed("run"))
 *   const squares = yield* pool.map([1, 2, 3], (n) => Effect.succeed(n * n))
 *   return [yield* task, value, squares]
 * })
 *
 * console.log(await Effect.runPromise(Effect.scoped(program)))
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export function make<O extends Overflow = "suspend">(
  options?: MakeOptions<O>
): Effect.Effect<GreenPool<O>, PoolOptionError, Scope.Scope>
export function make(
  options?: MakeOptions<Overflow>
): Effect.Effect<GreenPool<Overflow>, PoolOptionError, Scope.Scope> {
  return Effect.acquireRelease(Pool.make(options ?? {}), (pool) => pool.close)
}
