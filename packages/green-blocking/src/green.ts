/**
 * `green`: an exported function of a file of this program, as a function that runs it in a worker and gives an Effect.
 *
 * @since 0.1.0
 */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Schema from "effect/Schema"
import type { Buffer } from "node:buffer"
import type { Cloneable, Mistake } from "./Cloneable.ts"
import { GreenWorkers } from "./GreenWorkers.ts"
import { errorDecoder } from "./internal/declared.ts"
import { describe } from "./internal/described.ts"
import { JobError } from "./JobError.ts"

/**
 * The options of a function of `green`.
 *
 * @category models
 * @since 0.1.0
 */
export interface GreenOptions<E, Workers> {
  /**
   * The schema of the errors that the function throws and its callers can handle: a class of `Schema.TaggedError`, or a
   * union of them. They arrive as instances of their class; whatever else it throws is a `JobError` with `Threw`.
   */
  readonly error?: Schema.Codec<E, unknown>
  /** The pool in which it runs, by the key of its service: `GreenWorkers` unless said. */
  readonly workers?: Context.Key<Workers, GreenWorkers["Service"]>
}

/**
 * A function that runs another one in a worker.
 *
 * @category models
 * @since 0.1.0
 */
export type GreenFunction<F, E, Workers> = F extends (...args: infer Args) => infer Result
  ? (...args: Args) => Effect.Effect<Received<Result>, E | JobError, Workers>
  : never

/**
 * What of a result arrives: a `Buffer` as the `Uint8Array` that it is.
 *
 * @category models
 * @since 0.1.0
 */
export type Received<T> = T extends Buffer<infer Memory> ? Uint8Array<Memory> : T

/**
 * What the exported function has to be, to be run in a worker: nothing more, or the mistake that it is.
 *
 * @category models
 * @since 0.1.0
 */
export type Job<F> = F extends (...args: infer Args) => infer Result
  ? IsPromise<Result> extends true
    ? Mistake<"it returns a promise: a job is a synchronous function, and has ended when it returns">
    : [Args] extends [Cloneable<Args>]
      ? [Result] extends [Cloneable<Result>]
        ? unknown
        : { readonly result: Cloneable<Result> }
      : { readonly arguments: Cloneable<Args> }
  : Mistake<"it is no function">

type IsPromise<T> = 0 extends 1 & T ? false : [Extract<T, PromiseLike<unknown>>] extends [never] ? false : true

/**
 * Takes an exported function of a file of this program, and gives one of the same arguments that runs it in a worker:
 * an Effect of what it returns.
 *
 * `load` is for the types: it is never called. `url` is the same file, as the worker loads it; to write it as
 * `new URL("./job.ts", import.meta.url)` lets bundlers see it. That the two are the same can be checked by a test: see
 * `sameModule` in `green-blocking/testing`.
 *
 * Arguments and result go to the other thread as copies, by the algorithm of structured cloning; what is marked by
 * `move` goes as itself. Types that cannot go are refused by the compiler, values that cannot by the error.
 *
 * The Effect fails with the function's declared errors, and with a `JobError` for all else: what it threw
 * (`Threw`), a value that cannot be sent (`NotCloneable`, with its path), a file that cannot be loaded (`NotLoaded`,
 * `NotExported`, `NotAFile`), a promise as the result (`NotSynchronous`), and the end of its thread (`WorkerFailed`,
 * `WorkerExited`, `OutOfMemory`, `CannotKill`). Interruption ends the function: see `GreenWorkers`.
 *
 * @example
 * ```ts job.ts
 * export const render = (names: ReadonlyArray<string>): string => names.map((name) => `<p>${name}</p>`).join("")
 * ```
 *
 * @example
 * ```ts
 * import * as Effect from "effect/Effect"
 * import * as RpcGroup from "effect/rpc/RpcGroup"
 * import { green, GreenWorkers } from "green-blocking"
 *
 * const render = green(() => import("./job.ts"), new URL("./job.ts", import.meta.url), "render")
 *
 * const page = render(["a", "b"]).pipe(Effect.timeout("5 seconds"))
 *
 * console.log(await Effect.runPromise(page.pipe(Effect.provide(GreenWorkers.layer(RpcGroup.make())))))
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const green = <Module, const Name extends keyof Module & string, E = never, Workers = GreenWorkers>(
  load: () => Promise<Module>,
  url: URL | string,
  name: Name & Job<Module[Name]>,
  options: GreenOptions<E, Workers> = {}
): GreenFunction<Module[Name], E, Workers> => {
  const decodeError = errorDecoder(options.error, name)
  const href = String(url)
  const workers: Effect.Effect<GreenWorkers["Service"], never, unknown> = options.workers ?? GreenWorkers
  const run = (...args: ReadonlyArray<unknown>): Effect.Effect<unknown, unknown, unknown> =>
    href.startsWith("file:")
      ? Effect.flatMap(workers, (pool) => pool.run({ url: href, name, args, decodeError }))
      : Effect.fail(new JobError({ job: name, reason: { _tag: "NotAFile", url: href } }))
  describe(run, { load, url: href, name })
  if (isGreen<GreenFunction<Module[Name], E, Workers>>(run)) return run
  throw new Error("unreachable")
}

/** Its types are those of the function in the other thread, which only its import knows. */
const isGreen = <F>(_run: unknown): _run is F => true

/**
 * Ends a job when a signal is aborted: it is interrupted, as by any interruption, and the Effect then fails `Aborted` with
 * the signal's reason. For callers that live by AbortSignals; Effects are interrupted.
 *
 * @example
 * ```ts no-run
 * import { green, withSignal } from "green-blocking"
 *
 * const render = green(() => import("./job.ts"), new URL("./job.ts", import.meta.url), "render")
 *
 * export const page = (signal: AbortSignal) => render(["a", "b"]).pipe(withSignal(signal))
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const withSignal =
  (signal: AbortSignal) =>
  <A, E, R>(job: Effect.Effect<A, E, R>): Effect.Effect<A, E | JobError, R> =>
    Effect.suspend(() => (signal.aborted ? aborted(signal) : Effect.raceFirst(job, aborted(signal))))

const aborted = (signal: AbortSignal): Effect.Effect<never, JobError> =>
  Effect.callback((resume) => {
    const abort = (): void =>
      resume(Effect.fail(new JobError({ job: "the job", reason: { _tag: "Aborted", cause: signal.reason } })))
    if (signal.aborted) {
      abort()
      return
    }
    signal.addEventListener("abort", abort, { once: true })
    return Effect.sync(() => signal.removeEventListener("abort", abort))
  })
