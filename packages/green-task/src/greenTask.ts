/**
 * `greenTask`: methods that start at once on the runtime of their object.
 *
 * @since 0.1.0
 */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as ManagedRuntime from "effect/ManagedRuntime"
import { hasProperty } from "effect/Predicate"
import { GreenTask } from "green-core"
import type { Body, BodyEffect, BodyError, BodyServices } from "./Body.ts"

/**
 * Why a task could not start.
 *
 * - `RuntimeDisposed`: the runtime of the object was disposed before.
 * - `NoRuntime`: the object has no `runtime` that is a `ManagedRuntime`; `value` is what it has.
 *
 * @category errors
 * @since 0.1.0
 */
export type TaskErrorReason =
  | { readonly _tag: "RuntimeDisposed" }
  | { readonly _tag: "NoRuntime"; readonly value: unknown }

/**
 * The failure of a task that could not start.
 *
 * @category errors
 * @since 0.1.0
 */
export class TaskError extends Data.TaggedError("TaskError")<{ readonly reason: TaskErrorReason }> {
  override get message(): string {
    const reason = this.reason
    return reason._tag === "RuntimeDisposed"
      ? "greenTask: the runtime of the object was disposed; make a new object with a new runtime"
      : `greenTask: the object's runtime is ${String(reason.value)}; give it a ManagedRuntime as its property "runtime"`
  }
}

/**
 * An object that tasks can be started on.
 *
 * @category models
 * @since 0.1.0
 */
export interface HasRuntime<in R, out ER> {
  readonly runtime: ManagedRuntime.ManagedRuntime<R, ER>
}

/**
 * Starts the body at once, in a new greenlet, on the runtime of the object, from wherever it is called, and returns its
 * `GreenTask`: `yield*` joins it, `.promise` is for async code. Disposing the runtime interrupts it.
 *
 * Fails with the errors of the body, with the error of the runtime's layer, and with `TaskError` when the runtime was
 * disposed before.
 *
 * As a function it has exact types:
 *
 * @example
 * ```ts
 * import * as ManagedRuntime from "effect/ManagedRuntime"
 * import { Green, wait } from "green-core"
 * import { greenTask } from "green-task"
 *
 * class Store {
 *   readonly runtime = ManagedRuntime.make(Green.layer)
 *   ping(text: string) {
 *     return greenTask(this, function*() {
 *       return yield* wait(() => Promise.resolve(text))
 *     })
 *   }
 * }
 *
 * const store = new Store()
 * console.log(await store.ping("pong").promise)
 * await store.runtime.dispose()
 * ```
 *
 * As a decorator, `@greenTask`, it stands before a generator method. The method then returns a `GreenTask`; since a
 * decorator cannot change a type, TypeScript still sees the generator, which is right for `yield* store.ping()`;
 * `greenTask.of(store.ping())` has the type of the task. The runtime's layer error must be among the method's own.
 *
 * @category constructors
 * @since 0.1.0
 */
export function greenTask<This, R, ER, Args extends Array<unknown>, Eff extends Effect.Effect<unknown, unknown, R>, A>(
  object: This & HasRuntime<R, ER>,
  body: Body<This, Args, Eff, A>,
  ...args: Args
): GreenTask.GreenTask<A, BodyError<Eff> | ER | TaskError>
export function greenTask<
  This extends HasRuntime<BodyServices<Eff>, BodyError<Eff>>,
  Args extends Array<unknown>,
  Eff extends BodyEffect,
  A
>(method: Body<This, Args, Eff, A>, context: ClassMethodDecoratorContext<This, Body<This, Args, Eff, A>>): void
export function greenTask(first: unknown, second: unknown, ...args: Array<unknown>): unknown {
  if (isBody(second)) return startOn(first, second, args)
  if (!isBody(first))
    throw new TypeError("greenTask: expected a generator function, as greenTask(object, function*() {…})")
  const body = first
  return function (this: unknown, ...args: Array<unknown>) {
    return startOn(this, body, args)
  }
}

/**
 * The task that a method decorated with `@greenTask` returned, with its type.
 *
 * @category conversions
 * @since 0.1.0
 */
greenTask.of = <Eff extends BodyEffect, A>(
  call: Generator<Eff, A, never>
): GreenTask.GreenTask<A, BodyError<Eff> | TaskError> => {
  const task: unknown = call
  if (isTaskOf<A, BodyError<Eff> | TaskError>(task)) return task
  throw new TypeError("greenTask.of: expected the result of a method that is decorated with @greenTask")
}

const isBody = (value: unknown): value is Body<unknown, Array<unknown>, BodyEffect, unknown> =>
  typeof value === "function"

const isTaskOf = <A, E>(value: unknown): value is GreenTask.GreenTask<A, E> => GreenTask.isGreenTask(value)

const startOn = (
  object: unknown,
  body: Body<unknown, Array<unknown>, BodyEffect, unknown>,
  args: Array<unknown>
): GreenTask.GreenTask<unknown, unknown> => {
  const runtime = hasProperty(object, "runtime") ? object.runtime : undefined
  if (!ManagedRuntime.isManagedRuntime(runtime)) return cannotStart({ _tag: "NoRuntime", value: runtime })
  if (runtime.scope.state._tag === "Closed") return cannotStart({ _tag: "RuntimeDisposed" })
  return GreenTask.startUnsafe(
    Effect.gen(() => body.apply(object, args)),
    runtime.runFork
  )
}

const cannotStart = (reason: TaskErrorReason) =>
  GreenTask.startUnsafe(Effect.fail(new TaskError({ reason })), Effect.runFork)
