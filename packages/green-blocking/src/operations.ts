/**
 * `operations`: the operations of a group as Effects, for programs that do not say where they run.
 *
 * @since 0.1.0
 */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { Handlers } from "./GreenWorkers.ts"
import { Answered } from "./internal/answers.ts"
import { handlerContext } from "./internal/dynamic.ts"
import { type Operation, type Rpc, type RpcGroup, handlerOf, operationsOf } from "./internal/effectRpc.ts"
import { PerformError } from "./worker/PerformError.ts"

/**
 * What an operation is given: the payload, left out if the operation has none.
 *
 * @category models
 * @since 0.1.0
 */
export type OperationArguments<R extends Rpc.Any> = [Rpc.PayloadConstructor<R>] extends [void]
  ? [payload?: undefined]
  : [payload: Rpc.PayloadConstructor<R>]

/**
 * An operation as an Effect, or as a Stream if it is one. It needs its handler, and its middleware if it has any.
 *
 * @category models
 * @since 0.1.0
 */
export type OperationEffect<R extends Rpc.Any> =
  true extends Rpc.IsStream<R, R["_tag"]>
    ? (...args: OperationArguments<R>) => Stream.Stream<Rpc.SuccessChunk<R>, Rpc.ErrorExit<R>, Handlers<R>>
    : (...args: OperationArguments<R>) => Effect.Effect<Rpc.Success<R>, Rpc.Error<R>, Handlers<R>>

/**
 * All operations of a group as Effects, by their names.
 *
 * @category models
 * @since 0.1.0
 */
export type OperationEffects<R extends Rpc.Any> = {
  readonly [Current in R as Current["_tag"]]: OperationEffect<Current>
}

/**
 * The operations of a group as Effects which require their handlers. One program then runs in two places: on the host,
 * where a layer of the group handles them in fibers (`Operations.toLayer(…)`), and in a job, where they block its thread
 * (`performed(Operations)` of `green-blocking/worker`, run by `Green.runSync`).
 *
 * A handler runs with the services of its layer, and with the span, annotations, loggers and tracer of its caller, as in
 * a pool. The payload is made by its schema, so that defaults may be left out; one that the schema refuses is a defect, a
 * `PerformError` with `InvalidPayload`.
 *
 * A file that jobs load, too, imports it from `green-blocking/operations`: the pool stays where it is.
 *
 * @example
 * ```ts
 * import { assert } from "@effect/vitest"
 * import * as Effect from "effect/Effect"
 * import * as Schema from "effect/Schema"
 * import * as Rpc from "effect/rpc/Rpc"
 * import * as RpcGroup from "effect/rpc/RpcGroup"
 * import { operations } from "green-blocking"
 *
 * class Ops extends RpcGroup.make(Rpc.make("Get", { payload: { key: Schema.String }, success: Schema.String })) {}
 * const { Get } = operations(Ops)
 *
 * const page = Effect.all([Get({ key: "a" }), Get({ key: "b" })], { concurrency: 2 })
 *
 * const Handlers = Ops.toLayer({ Get: ({ key }) => Effect.succeed(key.toUpperCase()) })
 * assert.deepStrictEqual(Effect.runSync(page.pipe(Effect.provide(Handlers))), ["A", "B"])
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const operations = <R extends Rpc.Any>(group: RpcGroup.RpcGroup<R>): OperationEffects<R> => {
  const effects: Record<string, unknown> = {}
  for (const [name, operation] of operationsOf(group)) {
    effects[name] = operation.isStream ? streamOf(operation) : effectOf(operation)
  }
  if (isOfGroup<R>(effects)) return effects
  throw new Error("unreachable")
}

let requests = 0

const effectOf =
  (operation: Operation) =>
  (payload?: unknown): Effect.Effect<unknown, unknown> =>
    Effect.contextWith((caller: Context.Context<never>) => {
      const { answered, context } = asked(operation, caller, payload)
      return Effect.provideContext(Effect.scoped(answered.value), context)
    })

const streamOf =
  (operation: Operation) =>
  (payload?: unknown): Stream.Stream<unknown, unknown> =>
    Stream.unwrap(
      Effect.contextWith((caller: Context.Context<never>) => {
        const { answered, context } = asked(operation, caller, payload)
        return Effect.succeed(Stream.provideContext(answered.stream, context))
      })
    )

const asked = (operation: Operation, caller: Context.Context<never>, payload: unknown) => {
  const found = handlerOf(caller, operation)
  if (found === undefined) throw new PerformError({ operation: operation.name, reason: { _tag: "NotHandled" } })
  return {
    answered: new Answered(operation, found, caller, made(operation, payload), ++requests),
    context: handlerContext(caller, found.context)
  }
}

const made = ({ name, payload: schema }: Operation, payload: unknown): unknown => {
  try {
    return schema.make(payload)
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error)
    throw new PerformError({ operation: name, reason: { _tag: "InvalidPayload", problem } })
  }
}

/** Each of the group has been put in, by its name: the types cannot see that in a loop. */
const isOfGroup = <R extends Rpc.Any>(
  _effects: Readonly<Record<string, unknown>> | OperationEffects<R>
): _effects is OperationEffects<R> => true
