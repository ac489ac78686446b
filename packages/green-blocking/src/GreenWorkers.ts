/**
 * The pool of worker threads in which blocking code runs, and the handlers of the operations that it performs there.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import type { ResourceLimits } from "node:worker_threads"
import type { NoServices, Rpc, RpcGroup } from "./internal/effectRpc.ts"
import { handlersOf } from "./internal/host/Handlers.ts"
import { poolOptions } from "./internal/host/options.ts"
import { Pool } from "./internal/host/Pool.ts"
import type { Thrown } from "./internal/wire.ts"
import type { WorkersOptionError } from "./JobError.ts"
import type { AnySharedReference } from "./SharedReference.ts"

/**
 * How a pool of workers is made.
 *
 * @category models
 * @since 0.1.0
 */
export interface WorkersOptions {
  /**
   * How many jobs run at a time, each in a thread of its own: as many as there are processors unless said. A thread that
   * waits for an operation costs memory and no processor, so jobs that mostly wait may be many more.
   */
  readonly size?: number
  /** How many threads are started at once and kept: 0 unless said. The others are started when they are needed. */
  readonly minSize?: number
  /** After how long without a job a thread is ended: a minute unless said. `Infinity` to keep it. */
  readonly idleTimeout?: Duration.Input
  /** After how many jobs a thread is replaced by a fresh one: any number unless said. */
  readonly maxJobs?: number
  /** How deep jobs may be nested that perform operations whose handlers run jobs in this pool: 16 unless said. */
  readonly maxDepth?: number
  /** How long an interrupted job may take to end by itself; then its thread is ended. A second unless said. */
  readonly grace?: Duration.Input
  /** How long the ending of a thread may take; then it is left behind. Five seconds unless said. */
  readonly killDeadline?: Duration.Input
  /** The references whose values of the caller jobs see: made by `SharedReference.make`. None unless said. */
  readonly references?: ReadonlyArray<AnySharedReference>
  /** The name of its threads, as tools show it: `"green"` unless said. */
  readonly name?: string
  /** `process.env` in its threads: a copy of that of this process unless said. */
  readonly env?: Readonly<Record<string, string | undefined>>
  /** Options of Node for its threads: those of this process unless said. */
  readonly execArgv?: ReadonlyArray<string>
  /**
   * How much memory a thread may use. It is no containment: a thread that reaches its limit may hang for seconds, and
   * with older versions of Node take the process down.
   */
  readonly resourceLimits?: ResourceLimits
}

/**
 * What a pool does at the moment.
 *
 * @category models
 * @since 0.1.0
 */
export interface WorkersStatistics {
  /** How many jobs may run at a time. */
  readonly size: number
  /** How many threads there are. */
  readonly threads: number
  /** How many of them have no job. */
  readonly idle: number
  /** How many jobs have a thread: those that wait for an operation, too. */
  readonly running: number
  /** How many jobs wait for a thread. */
  readonly queued: number
  /** How many threads were to be ended and go on: see `CannotKill`. */
  readonly stuck: number
  /** How many threads were started until now. */
  readonly started: number
}

/**
 * A job that is to be run. `green` makes them.
 *
 * @category models
 * @since 0.1.0
 */
export interface JobRequest {
  /** The URL of its module. */
  readonly url: string
  /** The name of the exported function. */
  readonly name: string
  readonly args: ReadonlyArray<unknown>
  /** The declared error that something thrown is, or `undefined` when it is none. */
  readonly decodeError: (thrown: Thrown) => { readonly error: unknown } | undefined
}

/**
 * The services that handle the operations of a group: their handlers, as the group's `toLayer` gives them, and their
 * middleware.
 *
 * @category models
 * @since 0.1.0
 */
export type Handlers<R extends Rpc.Any> = Rpc.ToHandler<R> | Rpc.Middleware<R>

/**
 * Refuses groups whose schemas need services: the other thread has none.
 *
 * @category models
 * @since 0.1.0
 */
export type NeedsNoServices<R extends Rpc.Any> = NoServices<Rpc.Services<R>>

/**
 * A pool of worker threads for blocking code. `green` gives it jobs; a job has a thread of its own until it ends, and
 * performs the operations of the pool's group, whose handlers run here, each in a fiber: with the services of their
 * layer, and with the span, the log annotations, the loggers, the tracer and the shared references of the job's caller.
 *
 * - **Threads** are started when they are needed, up to `size`, and kept warm. Of those that are idle, the one that
 *   worked last is taken first. They keep no process alive that has nothing else to do.
 * - **A job** that finds no thread free waits in the queue, first come, first served.
 * - **Interruption** takes a queued job out of the queue. One that runs is told: the operation that it waits for is
 *   interrupted, with its handler, and throws `WaitInterrupted`, as each later one does; `finally` blocks run. If it has
 *   not ended after `grace`, its thread is ended, where nothing more of it runs. The interruption is over, and the slot
 *   free, when the job has ended. A thread that cannot be ended within `killDeadline`, because it is in a call of a native
 *   library, is left behind and counted, and the interruption dies with `CannotKill`.
 * - **A thread that fails** (an error outside of any call, `process.exit`, no memory) fails its job and no other, and is
 *   replaced. A job that has not begun by then, on a thread that has had others, begins in another one.
 * - **Nesting**: a handler may run a job in the same pool. If there is no free slot, it takes that of the job which has
 *   performed the operation, whose thread does nothing meanwhile: so a pool of any size gets through, to a depth of
 *   `maxDepth`, which fails `NestedTooDeep`.
 * - **Closing** its scope interrupts all jobs, which fail `Closed`, and ends all threads. A handler may close it: its own job
 *   ends with the others, and it goes on after it.
 *
 * @category services
 * @since 0.1.0
 */
export class GreenWorkers extends Context.Service<
  GreenWorkers,
  {
    /** Runs a job: what it returns, or a declared error, or a `JobError`. */
    readonly run: (request: JobRequest) => Effect.Effect<unknown, unknown>
    readonly statistics: Effect.Effect<WorkersStatistics>
  }
>()("green-blocking/GreenWorkers") {
  /**
   * A pool whose jobs can perform the operations of the group. Fails with a `WorkersOptionError` for an option that makes
   * no sense.
   *
   * @since 0.1.0
   */
  static readonly layer = <R extends Rpc.Any>(
    group: RpcGroup.RpcGroup<R>,
    options: WorkersOptions = {},
    ..._mistake: NeedsNoServices<R>
  ): Layer.Layer<GreenWorkers, WorkersOptionError, Handlers<R>> => Layer.effect(GreenWorkers, pool(group, options))

  /**
   * The same as a value, for a service of your own where an application has several pools: give `green` its key as
   * `workers`.
   *
   * @since 0.1.0
   */
  static readonly make = <R extends Rpc.Any>(
    group: RpcGroup.RpcGroup<R>,
    options: WorkersOptions = {},
    ..._mistake: NeedsNoServices<R>
  ): Effect.Effect<GreenWorkers["Service"], WorkersOptionError, Handlers<R> | Scope.Scope> => pool(group, options)
}

const pool = <R extends Rpc.Any>(
  group: RpcGroup.RpcGroup<R>,
  options: WorkersOptions
): Effect.Effect<GreenWorkers["Service"], WorkersOptionError, Handlers<R> | Scope.Scope> =>
  Effect.gen(function* () {
    const checked = yield* poolOptions(options)
    const context = yield* Effect.context<Handlers<R>>()
    const handlers = handlersOf(group, context)
    const scope = yield* Effect.scope
    // Not `acquireRelease`, which gives the release the context of here: who closes the pool is to be seen.
    const made = yield* Effect.uninterruptible(
      Effect.suspend(() => {
        const each = new Pool(handlers, checked)
        return Effect.as(Scope.addFinalizer(scope, each.close), each)
      })
    )
    return GreenWorkers.of({
      run: (request) => made.run(request),
      statistics: Effect.sync(() => made.statistics)
    })
  })
