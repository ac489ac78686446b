/**
 * Jobs in the thread of the test: the same code, handlers and errors, and no workers. Quick to start, easy to step
 * through, and each answer is there at once.
 *
 * @since 0.1.0
 */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import { Identity, enter, main } from "green-core/GreenletIdentity"
import { GreenWorkers, type Handlers, type NeedsNoServices } from "../GreenWorkers.ts"
import type { Rpc, RpcGroup } from "../internal/effectRpc.ts"
import { Here, withPort } from "../internal/here/here.ts"
import { failed } from "../internal/host/exits.ts"
import { handlersOf } from "../internal/host/Handlers.ts"
import { within } from "../internal/worker/Port.ts"
import { abandon, isPromiseLike } from "../internal/worker/running.ts"
import { type JobError, WorkersOptionError } from "../JobError.ts"
import type { AnySharedReference } from "../SharedReference.ts"

/**
 * The options of `layer`.
 *
 * @category models
 * @since 0.1.0
 */
export interface InThreadOptions {
  /** How deep jobs may be nested that perform operations whose handlers run jobs: 16 unless said. */
  readonly maxDepth?: number
  /**
   * The URLs of modules to load at once. A module is loaded when a job of it is first run, and for that a handler cannot
   * wait: so those whose jobs are run by handlers are named here.
   */
  readonly modules?: ReadonlyArray<URL | string>
  /** As for `GreenWorkers.layer`. */
  readonly references?: ReadonlyArray<AnySharedReference>
}

/**
 * A `GreenWorkers` that runs the jobs of `green` in this thread, each in one go.
 *
 * It is as with threads: arguments, payloads, results and answers are copies, what is marked by `move` is moved; errors
 * arrive as they do from a worker; each job is in a greenlet of its own; operations can be performed while a job runs,
 * and nowhere else, in handlers neither. Only this is not:
 *
 * - A handler must answer at once. It may yield and fork, and must not wait for time, promises or other fibers: then it
 *   is interrupted, and its operation throws a `PerformError` with `Asynchronous`. Time-outs say nothing here.
 * - A job cannot be interrupted, once it runs: it has the thread.
 * - A module is loaded once and kept: what it keeps at its top level is common to all jobs, where each worker has its own.
 * - A handler may run a job if its module is loaded: see `modules`.
 *
 * Fails with a `WorkersOptionError` if one of `modules` cannot be loaded.
 *
 * @example
 * ```ts
 * import { assert } from "@effect/vitest"
 * import * as Effect from "effect/Effect"
 * import * as Layer from "effect/Layer"
 * import * as Schema from "effect/Schema"
 * import * as Rpc from "effect/rpc/Rpc"
 * import * as RpcGroup from "effect/rpc/RpcGroup"
 * import { GreenWorkers } from "green-blocking"
 * import { InThread } from "green-blocking/testing"
 *
 * class Ops extends RpcGroup.make(Rpc.make("Get", { payload: { key: Schema.String }, success: Schema.String })) {}
 * const Workers = InThread.layer(Ops).pipe(
 *   Layer.provide(Ops.toLayer({ Get: ({ key }) => Effect.succeed(key.toUpperCase()) }))
 * )
 *
 * const threads = GreenWorkers.use((workers) => workers.statistics).pipe(
 *   Effect.map((statistics) => statistics.threads),
 *   Effect.provide(Workers)
 * )
 * assert.strictEqual(Effect.runSync(threads), 0)
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = <R extends Rpc.Any>(
  group: RpcGroup.RpcGroup<R>,
  options: InThreadOptions = {},
  ..._mistake: NeedsNoServices<R>
): Layer.Layer<GreenWorkers, WorkersOptionError, Handlers<R>> =>
  Layer.effect(
    GreenWorkers,
    Effect.gen(function* () {
      const { maxDepth = 16, modules = [], references = [] } = options
      if (!Number.isInteger(maxDepth) || maxDepth < 1) {
        return yield* new WorkersOptionError({
          option: "maxDepth",
          value: maxDepth,
          expected: "a whole number from 1 on"
        })
      }
      const context = yield* Effect.context<Handlers<R>>()
      const here = yield* Effect.acquireRelease(
        Effect.sync(() => new Here({ handlers: handlersOf(group, context), references }, maxDepth)),
        (each) =>
          Effect.sync(() => {
            each.isClosed = true
          })
      )
      for (const url of modules) {
        yield* Effect.mapError(
          here.load(String(url)),
          ({ cause }) =>
            new WorkersOptionError({
              option: "modules",
              value: url,
              expected: `the URL of a module that can be loaded (${String(cause)})`
            })
        )
      }
      return GreenWorkers.of({
        run: (request) => here.run(request),
        statistics: Effect.sync(() => ({
          size: 1,
          threads: 0,
          idle: 0,
          running: here.running,
          queued: 0,
          stuck: 0,
          started: 0
        }))
      })
    })
  )

/**
 * The options of `run`.
 *
 * @category models
 * @since 0.1.0
 */
export interface RunOptions<E> {
  /** The schema of the errors that the function throws and the test can handle. */
  readonly error?: Schema.Codec<E, unknown>
  /** As for `GreenWorkers.layer`. */
  readonly references?: ReadonlyArray<AnySharedReference>
}

/**
 * Calls a function that performs operations of the group, as a job in this thread, and gives what it returns. Nothing but
 * payloads and answers is copied. What it throws is the error of the Effect if the schema says so, else the cause of a
 * `JobError` with `Threw`; a promise fails `NotSynchronous`. For the handlers it is as with `layer`. As they answer at
 * once, so does the Effect: it can be run by `Effect.runSync`.
 *
 * @example
 * ```ts
 * import { assert } from "@effect/vitest"
 * import * as Effect from "effect/Effect"
 * import * as Schema from "effect/Schema"
 * import * as Rpc from "effect/rpc/Rpc"
 * import * as RpcGroup from "effect/rpc/RpcGroup"
 * import { InThread } from "green-blocking/testing"
 * import { perform } from "green-blocking/worker"
 *
 * class Ops extends RpcGroup.make(Rpc.make("Get", { payload: { key: Schema.String }, success: Schema.String })) {}
 * const { Get } = perform(Ops)
 * const render = (keys: ReadonlyArray<string>) => keys.map((key) => Get({ key })).join("\n")
 *
 * const Handlers = Ops.toLayer({ Get: ({ key }) => Effect.succeed(key.toUpperCase()) })
 *
 * const page = InThread.run(Ops, () => render(["a", "b"])).pipe(Effect.provide(Handlers))
 * assert.strictEqual(Effect.runSync(page), "A\nB")
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const run = <R extends Rpc.Any, A, E = never>(
  group: RpcGroup.RpcGroup<R>,
  f: () => A,
  options: RunOptions<E> = {},
  ..._mistake: NeedsNoServices<R>
): Effect.Effect<A, E | JobError, Handlers<R>> =>
  Effect.contextWith((context: Context.Context<Handlers<R>>) => {
    const isDeclared = options.error === undefined ? isNone : Schema.is(options.error)
    const job = { name: f.name === "" ? "the function" : f.name }
    const surroundings = { handlers: handlersOf(group, context), references: options.references ?? [] }
    return withPort<A, E | JobError>(job, surroundings, (port) => {
      const greenlet = new Identity(main)
      try {
        const result = within(port, () => enter(greenlet, f))
        if (!isPromiseLike(result)) return Exit.succeed(result)
        abandon(result)
        return failed(job, { _tag: "NotSynchronous" })
      } catch (cause) {
        return isDeclared(cause) ? Exit.fail(cause) : failed(job, { _tag: "Threw", cause })
      } finally {
        greenlet.ended = true
      }
    })
  })

const isNone = (_error: unknown): _error is never => false
