/**
 * The operation `wait`: wait for a promise, a function that may return one, a callback, an Effect or a fiber.
 *
 * What waiting for a promise means is the handler's matter: on the event loop it suspends the fiber; in a thread that
 * is to block it cannot be done, and fails typed. Effects, fibers and plain values need no handler.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import { isPromiseLike } from "effect/Predicate"
import * as Handler from "./Handler.ts"

/**
 * Why a wait failed.
 *
 * - `Rejected`: the promise was rejected, or the function threw, with `cause`.
 * - `CannotBlockOn`: the handler blocks its thread, and only that thread could have settled the `what`.
 *
 * @category errors
 * @since 0.1.0
 */
export type WaitErrorReason =
  | { readonly _tag: "Rejected"; readonly cause: unknown }
  | { readonly _tag: "CannotBlockOn"; readonly what: "promise" | "callback" }

/**
 * The failure of `wait`.
 *
 * @category errors
 * @since 0.1.0
 */
export class WaitError extends Data.TaggedError("WaitError")<{ readonly reason: WaitErrorReason }> {
  override get message(): string {
    const reason = this.reason
    switch (reason._tag) {
      case "Rejected":
        return `wait: rejected: ${reason.cause instanceof Error ? reason.cause.message : String(reason.cause)}`
      case "CannotBlockOn":
        return (
          `wait: this thread is blocked by the program, so the ${reason.what} can never settle; ` +
          "run the program on the event loop (Green.layer), or wait for a descriptor instead"
        )
    }
  }
  override get cause(): unknown {
    return this.reason._tag === "Rejected" ? this.reason.cause : undefined
  }
}

/**
 * What a `Wait` handler is asked for. The request holds the function, so it is not plain data.
 *
 * - `Function`: call it, and wait for what it returns if that is a promise. `signal` aborts on withdrawal; a function
 *   that declares no parameter may be called without one.
 * - `Promise`: wait for it.
 * - `Callback`: register a continuation; the result takes it back.
 *
 * @category models
 * @since 0.1.0
 */
export type WaitRequest<A, E = never> =
  | { readonly _tag: "Function"; readonly evaluate: (signal: AbortSignal) => A | PromiseLike<A> }
  | { readonly _tag: "Promise"; readonly promise: PromiseLike<A> }
  | { readonly _tag: "Callback"; readonly register: (resume: Handler.Resume<A, E>) => Handler.Withdraw | void }

/**
 * A clause that answers every `WaitRequest`.
 *
 * @category models
 * @since 0.1.0
 */
export type WaitClause = <A, E>(
  request: WaitRequest<A, E>,
  resume: Handler.Resume<A, E | WaitError>,
  context: Context.Context<never>
) => Handler.Withdraw

/**
 * The service that carries out `wait`. `wait` is the face for programs, `register` the one for callers that are not
 * fibers; they are one handler. Build it with `Wait.fromClause` or interpose with `Wait.around`.
 *
 * @category services
 * @since 0.1.0
 */
export class Wait extends Context.Service<
  Wait,
  {
    readonly wait: <A, E>(request: WaitRequest<A, E>) => Effect.Effect<A, E | WaitError>
    readonly register: WaitClause
  }
>()("green-core/Wait") {
  /** Builds the service from a clause. */
  static readonly fromClause = (clause: WaitClause): Wait["Service"] => ({
    wait: (request) => Handler.perform(clause, request),
    register: (request, resume, context) => Handler.once(clause)(request, resume, context)
  })

  /**
   * Interposes: a layer that answers `wait` by `handle`, above the `Wait` that it is provided with. `next` performs
   * the request outward, changed or not; its result is the resumption. `handle` runs in the fiber of the caller.
   *
   * A layer value that is provided twice is built once, as every layer is, and so interposes once: call `around`
   * again for a second one.
   */
  static readonly around = (
    handle: <A, E>(
      request: WaitRequest<A, E>,
      next: (request?: WaitRequest<A, E>) => Effect.Effect<A, E | WaitError>
    ) => Effect.Effect<A, E | WaitError>
  ): Layer.Layer<Wait, never, Wait> =>
    Layer.effect(
      Wait,
      Wait.useSync((outer) => {
        const perform = <A, E>(request: WaitRequest<A, E>): Effect.Effect<A, E | WaitError> =>
          Effect.suspend(() => handle<A, E>(request, (changed) => outer.wait(changed ?? request)))
        return {
          wait: perform,
          register: (request, resume, context) => Handler.clause(perform)(request, resume, context)
        }
      })
    )
}

/**
 * Waits for `x` in straight-line code.
 *
 * - a function is called by the handler with an `AbortSignal`, and what it returns is waited for if it is a promise.
 *   Interruption aborts the signal; the signal is made only for a function that declares a parameter.
 * - a promise is waited for. Interruption stops the waiting, not the promise.
 * - an Effect is performed as it is, with its error and requirements; a fiber is joined; any other value is given back.
 *
 * A rejection and a synchronous throw fail with `WaitError { reason: Rejected { cause } }`, or with what
 * `options.catch(cause)` returns; in a thread that is blocked, a promise fails with `CannotBlockOn` (to `options.catch`
 * the `WaitError` itself is then the cause). A rejection that comes after an interruption is dropped, and never reported
 * as unhandled. Values, Effects and fibers that have ended do not suspend.
 *
 * @example
 * ```ts
 * import * as Effect from "effect/Effect"
 * import { Green, wait } from "green-core"
 *
 * const program = Effect.gen(function*() {
 *   const text = yield* wait(() => Promise.resolve("a promise"))
 *   const number = yield* wait(42)
 *   return `${text}, ${number}`
 * })
 *
 * console.log(await Effect.runPromise(program.pipe(Effect.provide(Green.layer))))
 * ```
 *
 * @category operations
 * @since 0.1.0
 */
export function wait<A>(evaluate: (signal: AbortSignal) => A): Effect.Effect<Awaited<A>, WaitError, Wait>
export function wait<A, E>(
  evaluate: (signal: AbortSignal) => A,
  options: WaitOptions<E>
): Effect.Effect<Awaited<A>, E, Wait>
export function wait<A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R>
export function wait<A, E>(fiber: Fiber.Fiber<A, E>): Effect.Effect<A, E>
export function wait<A>(promise: PromiseLike<A>): Effect.Effect<Awaited<A>, WaitError, Wait>
export function wait<A, E>(promise: PromiseLike<A>, options: WaitOptions<E>): Effect.Effect<Awaited<A>, E, Wait>
export function wait<X>(value: X): Waited<X>
export function wait<X, E>(value: X, options: WaitOptions<E>): Waited<X, E>
export function wait(x: unknown, options?: WaitOptions<unknown>): Effect.Effect<unknown, unknown, unknown> {
  // Before the others, because it costs least to ask and is asked most.
  if (x instanceof Promise) return failingWith(request({ _tag: "Promise", promise: x }), options)
  // Before functions: the tag of a service is an Effect and a function.
  if (Effect.isEffect(x)) return x
  if (isFunction(x)) return failingWith(request({ _tag: "Function", evaluate: x }), options)
  if (Fiber.isFiber(x)) return Fiber.join(x)
  return isPromiseLike(x) ? failingWith(request({ _tag: "Promise", promise: x }), options) : Effect.succeed(x)
}

/**
 * Waits for a callback: the cheapest form. `register` starts the work and calls `resume` once with the outcome, at
 * once or later; what it returns is called on interruption. A `register` that throws fails with `Rejected`.
 *
 * @example
 * ```ts
 * import * as Effect from "effect/Effect"
 * import * as Exit from "effect/Exit"
 * import { Green, wait } from "green-core"
 *
 * const tick = wait.callback<string>((resume) => {
 *   const timer = setTimeout(() => resume(Exit.succeed("tick")), 10)
 *   return () => clearTimeout(timer)
 * })
 *
 * console.log(await Effect.runPromise(tick.pipe(Effect.provide(Green.layer))))
 * ```
 *
 * @category operations
 * @since 0.1.0
 */
wait.callback = <A, E = never>(
  register: (resume: Handler.Resume<A, E>) => Handler.Withdraw | void
): Effect.Effect<A, E | WaitError, Wait> => request({ _tag: "Callback", register })

/**
 * The options of `wait`: `catch` turns the cause of a failure into the error of your choice.
 *
 * @category models
 * @since 0.1.0
 */
export interface WaitOptions<out E> {
  readonly catch: (cause: unknown) => E
}

/**
 * What `wait` gives for an `X` that is not known to be one of its forms; distributes over unions. Of an `unknown` only
 * so much is known that it may be any of them; a function that takes something other than a signal is a mistake, and
 * gives nothing that could be performed.
 *
 * @category models
 * @since 0.1.0
 */
export type Waited<X, Failure = WaitError> = [X] extends [never]
  ? Effect.Effect<never>
  : IsAny<X> extends true
    ? Effect.Effect<Awaited<X>, Failure, Wait>
    : unknown extends X
      ? Effect.Effect<unknown, unknown, Wait>
      : [FunctionOfOthers<X>] extends [never]
        ? Effect.Effect<WaitedSuccess<X>, WaitedError<X, Failure>, WaitedServices<X>>
        : { readonly mistake: "wait calls a function with an AbortSignal only: pass () => f(x) for f" }

type IsAny<X> = 0 extends 1 & X ? true : false

type FunctionOfOthers<X> = X extends (signal: AbortSignal) => unknown
  ? never
  : X extends (...given: never) => unknown
    ? X
    : never

type WaitedSuccess<X> =
  X extends Effect.Effect<infer A, infer _E, infer _R>
    ? A
    : X extends Fiber.Fiber<infer A, infer _E>
      ? A
      : X extends (signal: AbortSignal) => infer A
        ? Awaited<A>
        : Awaited<X>

type WaitedError<X, Failure> =
  X extends Effect.Effect<infer _A, infer E, infer _R>
    ? E
    : X extends Fiber.Fiber<infer _A, infer E>
      ? E
      : X extends ((signal: AbortSignal) => unknown) | PromiseLike<unknown>
        ? Failure
        : never

type WaitedServices<X> =
  X extends Effect.Effect<infer _A, infer _E, infer R>
    ? R
    : X extends Fiber.Fiber<infer _A, infer _E>
      ? never
      : X extends ((signal: AbortSignal) => unknown) | PromiseLike<unknown>
        ? Wait
        : never

const request = <A, E>(request: WaitRequest<A, E>): Effect.Effect<A, E | WaitError, Wait> =>
  Effect.withFiber((fiber: Fiber.Fiber<unknown, unknown>) => Context.getUnsafe(fiber.context, Wait).wait(request))

const failingWith = <A, E>(self: Effect.Effect<A, WaitError, Wait>, options: WaitOptions<E> | undefined) =>
  options === undefined
    ? self
    : Effect.mapError(self, (error) => options.catch(error.reason._tag === "Rejected" ? error.reason.cause : error))

const isFunction = (x: unknown): x is (signal: AbortSignal) => unknown => typeof x === "function"
