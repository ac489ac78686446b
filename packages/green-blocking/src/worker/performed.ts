/**
 * `performed`: the operations of a group for programs of Effect that run in a job, and what is its caller's.
 *
 * @since 0.1.0
 */
import * as Arr from "effect/Array"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as References from "effect/References"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Tracer from "effect/Tracer"
import type { Handlers } from "../GreenWorkers.ts"
import { receiver } from "../internal/codec.ts"
import { type NoServices, type Operation, type Rpc, type RpcGroup, operationsOf } from "../internal/effectRpc.ts"
import { BlockingOperation, portFor } from "../internal/worker/blocking.ts"
import { loggerOf, numberOf, parentOf, tracerOf } from "../internal/worker/BridgeTracer.ts"
import { encodeError } from "../internal/worker/encodeError.ts"
import { type Port, current, lent } from "../internal/worker/Port.ts"
import type { AnySharedReference } from "../SharedReference.ts"
import { PerformError, WaitInterrupted } from "./PerformError.ts"

/**
 * The options of `performed`. `references`: those that the program has of its caller, of those that the pool shares.
 *
 * @category models
 * @since 0.1.0
 */
export interface PerformedOptions {
  readonly references?: ReadonlyArray<AnySharedReference>
}

/**
 * The handlers of a group for a program that a job runs by `Green.runSync`: each operation is performed by blocking. The
 * program is written with `operations(group)`, and is the same that runs on the host with a layer of the group.
 *
 * - A typed error is the failure of the operation. A handler that dies, or interrupts itself, does so to the fiber that
 *   performs it. `MustBeInGreenlet`, and what else a `PerformError` says, are defects.
 * - If the job is interrupted, an operation interrupts the fiber that performs it. A program that performs nothing
 *   meanwhile does not notice: see `performing.interruptible`.
 * - An operation blocks the thread, with all fibers of the program. None goes on until it is answered, and no time-out
 *   ends it.
 * - A stream is asked for chunk by chunk, as it is pulled.
 * - Logs and spans of the program are made by the caller's loggers and tracer, within the caller's span, with its log
 *   annotations and its minimum log level. They are the caller's references too, those of the options.
 *
 * Provide it within the job: what is the caller's is read when the layer is built.
 *
 * @example
 * ```ts ops.ts
 * import * as Effect from "effect/Effect"
 * import * as Schema from "effect/Schema"
 * import * as Rpc from "effect/rpc/Rpc"
 * import * as RpcGroup from "effect/rpc/RpcGroup"
 * import { operations } from "green-blocking/operations"
 *
 * export class Ops extends RpcGroup.make(
 *   Rpc.make("Get", { payload: { key: Schema.String }, success: Schema.String })
 * ) {}
 *
 * const { Get } = operations(Ops)
 * export const page = Effect.gen(function* () {
 *   yield* Effect.log("a page is made")
 *   return `<p>${yield* Get({ key: "a" })}</p>`
 * })
 * ```
 *
 * @example
 * ```ts job.ts
 * import * as Effect from "effect/Effect"
 * import { performed } from "green-blocking/worker"
 * import { Green } from "green-core"
 * import { Ops, page } from "./ops.ts"
 *
 * export const inJob = (): string => Green.runSync(page.pipe(Effect.provide(performed(Ops))))
 * ```
 *
 * @example
 * ```ts
 * import { assert } from "@effect/vitest"
 * import * as Effect from "effect/Effect"
 * import * as Layer from "effect/Layer"
 * import { green, GreenWorkers } from "green-blocking"
 * import { Ops, page } from "./ops.ts"
 *
 * const inJob = green(() => import("./job.ts"), new URL("./job.ts", import.meta.url), "inJob")
 *
 * const Handlers = Ops.toLayer({ Get: ({ key }) => Effect.succeed(key.toUpperCase()) })
 * const Workers = GreenWorkers.layer(Ops).pipe(Layer.provideMerge(Handlers))
 *
 * const both = Effect.all([page, inJob()]).pipe(Effect.provide(Workers))
 * assert.deepStrictEqual(await Effect.runPromise(both), ["<p>A</p>", "<p>A</p>"])
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const performed = <R extends Rpc.Any>(
  group: RpcGroup.RpcGroup<R>,
  options: PerformedOptions = {},
  ..._mistake: NoServices<Rpc.ServicesClient<R>>
): Layer.Layer<Handlers<R>> => {
  lent.encodeError = encodeError
  const operations = [...operationsOf(group).values()]
  return Layer.effectContext(
    Effect.sync(() => {
      const services = new Map<string, unknown>()
      for (const operation of operations) {
        services.set(operation.rpc.key, {
          tag: operation.name,
          handler: handlerOf(operation),
          context: Context.empty()
        })
        // The host has it, around its own handler.
        for (const middleware of operation.rpc.middlewares) services.set(middleware.key, unchanged)
      }
      const port = current()
      if (port !== undefined) addCaller(services, port, options.references ?? [])
      return Context.makeUnsafe<Handlers<R>>(services)
    })
  )
}

const unchanged = <A>(effect: A): A => effect

const handlerOf = (operation: Operation) => {
  const blocking = new BlockingOperation(operation)
  const isFailure = Schema.is(operation.failure)
  return operation.isStream ? streamOf(blocking, isFailure) : effectOf(blocking, isFailure)
}

type IsFailure = (error: unknown) => boolean

const effectOf =
  (blocking: BlockingOperation, isFailure: IsFailure) =>
  (payload: unknown): Effect.Effect<unknown, unknown> =>
    Effect.withFiber((fiber) =>
      attempt(isFailure, () => {
        const port = portFor(blocking.name, attempt)
        const request = requestWithin(blocking, port, numberOf(fiber.cache.span), payload)
        return Effect.succeed(blocking.answer(port, request, Infinity, attempt))
      })
    )

/** Performs something that blocks; what it throws is what the Effect fails with. */
const attempt = <A, E>(isFailure: IsFailure, f: () => Effect.Effect<A, E>): Effect.Effect<A, unknown> => {
  try {
    return f()
  } catch (error) {
    if (isFailure(error)) return Effect.fail(error)
    return endOf(error)
  }
}

/** As it would be on the host, where the handler is a part of the program. */
const endOf = (error: unknown): Effect.Effect<never> => {
  const reason = error instanceof PerformError ? error.reason : undefined
  if (error instanceof WaitInterrupted || reason?._tag === "HandlerInterrupted") return Effect.interrupt
  return Effect.die(reason?._tag === "Defect" ? reason.cause : error)
}

/** Asks within a span of the program. */
const requestWithin = (blocking: BlockingOperation, port: Port, span: number | undefined, payload: unknown): number => {
  const outer = port.span
  port.span = span ?? outer
  try {
    return blocking.request(port, payload, attempt)
  } finally {
    port.span = outer
  }
}

/** A stream that was asked for. */
interface Open {
  readonly port: Port
  readonly job: number
  readonly request: number
  /** What the next pull has to do before it waits: nothing for the first chunk. */
  hasChunk: boolean
  isOpen: boolean
}

const streamOf =
  (blocking: BlockingOperation, isFailure: IsFailure) =>
  (payload: unknown): Stream.Stream<unknown, unknown> =>
    Stream.unwrap(
      Effect.withFiber((fiber) => {
        const open = Effect.suspend(() =>
          attempt(isFailure, () => {
            const port = portFor(blocking.name, attempt)
            const request = requestWithin(blocking, port, numberOf(fiber.cache.span), payload)
            return Effect.succeed<Open>({ port, job: port.job, request, hasChunk: false, isOpen: true })
          })
        )
        return Effect.map(Effect.acquireRelease(open, close), (opened) =>
          Stream.fromPull(Effect.succeed(next(blocking, isFailure, opened)))
        )
      })
    )

const isThere = ({ job, port }: Open): boolean => current() === port && port.job === job

const close = (opened: Open): Effect.Effect<void> =>
  Effect.sync(() => {
    if (opened.isOpen && isThere(opened)) opened.port.cancel(opened.request)
  })

const next = (
  blocking: BlockingOperation,
  isFailure: IsFailure,
  opened: Open
): Effect.Effect<Arr.NonEmptyReadonlyArray<unknown>, unknown> =>
  Effect.suspend(() =>
    attempt<Arr.NonEmptyReadonlyArray<unknown>, unknown>(isFailure, () => {
      const { port, request } = opened
      if (portFor(blocking.name, attempt) !== port || !isThere(opened)) return Effect.interrupt
      if (opened.hasChunk) port.pull(request)
      opened.hasChunk = false
      opened.isOpen = false
      const chunk = blocking.chunk(port, request, Infinity, attempt)
      if (chunk === undefined) return Cause.done()
      opened.isOpen = true
      opened.hasChunk = true
      return Arr.isReadonlyArrayNonEmpty(chunk) ? Effect.succeed(chunk) : next(blocking, isFailure, opened)
    })
  )

const addCaller = (services: Map<string, unknown>, port: Port, references: ReadonlyArray<AnySharedReference>): void => {
  const annotations = port.context?.annotations ?? {}
  services.set(References.CurrentLoggers.key, new Set([loggerOf(port, annotations)]))
  services.set(References.CurrentLogAnnotations.key, annotations)
  services.set(Tracer.Tracer.key, tracerOf(port))
  const parent = parentOf(port)
  if (parent !== undefined) services.set(Tracer.ParentSpanKey, parent)
  const minimumLogLevel = port.context?.minimumLogLevel
  if (minimumLogLevel !== undefined) services.set(References.MinimumLogLevel.key, minimumLogLevel)
  const sent = port.context?.references ?? {}
  for (const { key, schema } of references) {
    if (Object.hasOwn(sent, key)) services.set(key, received(key, schema, sent[key]))
  }
}

const received = (key: string, schema: Schema.Top, sent: unknown): unknown => {
  try {
    return receiver(schema)(sent)
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error)
    throw new PerformError({ operation: key, reason: { _tag: "InvalidReference", problem } })
  }
}
