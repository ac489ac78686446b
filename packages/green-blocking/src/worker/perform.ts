/**
 * `perform`: the operations of a group as blocking functions, for the files of jobs.
 *
 * @since 0.1.0
 */
import type { NoServices, Rpc, RpcGroup } from "../internal/effectRpc.ts"
import { operationsOf } from "../internal/effectRpc.ts"
import { BlockingOperation, type CallOptions, portFor } from "../internal/worker/blocking.ts"
import { encodeError } from "../internal/worker/encodeError.ts"
import { current, lent, type Port } from "../internal/worker/Port.ts"
import { MustBeInGreenlet } from "./PerformError.ts"

/**
 * The options of one call. `timeout`: how long it may block, for ever unless said; of a stream, for each chunk.
 *
 * @category models
 * @since 0.1.0
 */
export type PerformOptions = CallOptions

/**
 * What a call is given: the payload, left out if the operation has none, and options.
 *
 * @category models
 * @since 0.1.0
 */
export type PerformArguments<R extends Rpc.Any> = [Rpc.PayloadConstructor<R>] extends [void]
  ? [payload?: undefined, options?: PerformOptions]
  : [payload: Rpc.PayloadConstructor<R>, options?: PerformOptions]

/**
 * An operation as a blocking function. A stream gives a generator of its elements.
 *
 * @category models
 * @since 0.1.0
 */
export type Performed<R extends Rpc.Any> =
  true extends Rpc.IsStream<R, R["_tag"]>
    ? (...args: PerformArguments<R>) => Generator<Rpc.SuccessChunk<R>, void, undefined>
    : (...args: PerformArguments<R>) => Rpc.Success<R>

/**
 * All operations of a group as blocking functions, by their names.
 *
 * @category models
 * @since 0.1.0
 */
export type PerformedGroup<R extends Rpc.Any> = {
  readonly [Current in R as Current["_tag"]]: Performed<Current>
}

/**
 * The operations of a group as blocking functions: each call blocks this thread, and not the host, until the handler in
 * the host has answered, at any depth of ordinary function calls. Call it once, at the top of a job's file; it may be
 * called anywhere, and only the functions need a job.
 *
 * A call gives the value, or throws:
 *
 * - the operation's own typed error, as an instance of its class, with the stack of the host above that of the job;
 * - `WaitTimeout`, after `timeout`. The handler is interrupted, and the job may go on;
 * - `WaitInterrupted`, when the job is interrupted. Each later call throws it again, so that code which catches
 *   everything ends as well;
 * - `MustBeInGreenlet`, where no job runs;
 * - `PerformError`, when it was not performed, or its handler died.
 *
 * A stream is asked for chunk by chunk, when the loop needs one: that is its back-pressure. The loop may end early; the
 * stream on the host is then interrupted.
 *
 * @example
 * ```ts no-run
 * import * as Schema from "effect/Schema"
 * import * as Rpc from "effect/rpc/Rpc"
 * import * as RpcGroup from "effect/rpc/RpcGroup"
 * import { perform } from "green-blocking/worker"
 *
 * export class Ops extends RpcGroup.make(
 *   Rpc.make("Get", { payload: { key: Schema.String }, success: Schema.String }),
 *   Rpc.make("Lines", { payload: { file: Schema.String }, success: Schema.String, stream: true })
 * ) {}
 *
 * const { Get, Lines } = perform(Ops)
 *
 * export const longest = (file: string): string => {
 *   let found = Get({ key: "default" }, { timeout: "1 second" })
 *   for (const line of Lines({ file })) if (line.length > found.length) found = line
 *   return found
 * }
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const perform = <R extends Rpc.Any>(
  group: RpcGroup.RpcGroup<R>,
  ..._mistake: NoServices<Rpc.ServicesClient<R>>
): PerformedGroup<R> => {
  lent.encodeError = encodeError
  const performed: Record<string, unknown> = {}
  for (const [name, operation] of operationsOf(group)) {
    const blocking = new BlockingOperation(operation)
    performed[name] = operation.isStream ? stream(blocking) : call(blocking)
  }
  if (isPerformed<R>(performed)) return performed
  throw new Error("unreachable")
}

const call = (blocking: BlockingOperation) => {
  const performed = (payload?: unknown, options?: PerformOptions): unknown => {
    const port = portFor(blocking.name, performed)
    const milliseconds = blocking.milliseconds(options, performed)
    return blocking.answer(port, blocking.request(port, payload, performed), milliseconds, performed)
  }
  return performed
}

const stream = (blocking: BlockingOperation) => {
  const performed = (payload?: unknown, options?: PerformOptions): Generator<unknown, void, undefined> =>
    elements(blocking, portFor(blocking.name, performed), payload, options)
  return performed
}

function* elements(
  blocking: BlockingOperation,
  port: Port,
  payload: unknown,
  options: PerformOptions | undefined
): Generator<unknown, void, undefined> {
  const { job } = port
  const milliseconds = blocking.milliseconds(options, elements)
  const request = blocking.request(port, payload, elements)
  let isOpen = true
  try {
    for (;;) {
      // One that was kept beyond its job would ask in the name of another.
      if (portFor(blocking.name, elements).job !== job) throw new MustBeInGreenlet({ operation: blocking.name })
      isOpen = false
      const chunk = blocking.chunk(port, request, milliseconds, elements)
      if (chunk === undefined) return
      isOpen = true
      yield* chunk
      port.pull(request)
    }
  } finally {
    if (isOpen && current() === port && port.job === job) port.cancel(request)
  }
}

/** Each of the group has been put in, by its name: the types cannot see that in a loop. */
const isPerformed = <R extends Rpc.Any>(
  _performed: Readonly<Record<string, unknown>> | PerformedGroup<R>
): _performed is PerformedGroup<R> => true
