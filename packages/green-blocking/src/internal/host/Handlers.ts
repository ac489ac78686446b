/**
 * The handlers of a group, ready to be asked by blocked threads: what a layer of the group gave, with the middleware and
 * the codecs of each operation. It knows no threads.
 */
import type * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { chunkSender, receiver, sender } from "../codec.ts"
import { noHeaders } from "../effectHttp.ts"
import { type Operation, Rpc, type RpcGroup, handlerOf, operationsOf, requestId, withMiddleware } from "../effectRpc.ts"

export interface Handler {
  readonly operation: Operation
  /** The context in which its layer was made. */
  readonly context: Context.Context<never>
  /** Throws what the schema throws, as the others do. */
  readonly decodePayload: (payload: unknown) => unknown
  readonly encodeSuccess: (value: unknown) => unknown
  /** Of a stream: some elements at once. */
  readonly encodeChunk: (values: ReadonlyArray<unknown>) => unknown
  readonly encodeFailure: (value: unknown) => unknown
  /** Performs a request. A stream hands on its chunks, and succeeds at its end. */
  readonly perform: (
    payload: unknown,
    request: number,
    hand: (values: ReadonlyArray<unknown>) => Effect.Effect<void>
  ) => Effect.Effect<unknown, unknown, Scope.Scope>
}

/** Those of the operations that the context has a handler for. */
export const handlersOf = <R extends Rpc.Any>(
  group: RpcGroup.RpcGroup<R>,
  context: Context.Context<never>
): ReadonlyMap<string, Handler> => {
  const client = new Rpc.ServerClient(0)
  const handlers = new Map<string, Handler>()
  for (const [name, operation] of operationsOf(group)) {
    const found = handlerOf(context, operation)
    if (found !== undefined) handlers.set(name, make(operation, found, context, client))
  }
  return handlers
}

const make = (
  operation: Operation,
  { context, handler }: Rpc.Handler<string>,
  services: Context.Context<never>,
  client: Rpc.ServerClient
): Handler => {
  const { failure, isStream, payload, rpc, success } = operation
  return {
    operation,
    context,
    decodePayload: receiver(payload),
    encodeSuccess: sender(success),
    encodeChunk: chunkSender(success),
    encodeFailure: sender(failure),
    perform: (payload, request, hand) => {
      const options = { client, requestId: requestId(request), headers: noHeaders, rpc, payload }
      const given = handler(payload, options)
      const answer = Rpc.unwrap(given)
      const answered = isStream ? Stream.runForEachArray(streamOf(answer), hand) : valueOf(answer)
      const performed = rpc.middlewares.size === 0 ? answered : withMiddleware(answered, services, options)
      // That it is to be forked says nothing here: each request has a fiber.
      return Rpc.isWrapper(given) && given.uninterruptible ? Effect.uninterruptible(performed) : performed
    }
  }
}

/** What a handler may answer: at once or later, with elements or a queue of them. */
type Answer = Effect.Effect<unknown, unknown> | Stream.Stream<unknown, unknown>

const valueOf = (answer: Answer): Effect.Effect<unknown, unknown> =>
  Effect.isEffect(answer)
    ? Effect.flatMap(answer, (value) => (Deferred.isDeferred(value) ? Deferred.await(value) : Effect.succeed(value)))
    : Effect.die(new TypeError("its handler answered with a stream, and the operation is none"))

const streamOf = (answer: Answer): Stream.Stream<unknown, unknown> =>
  Effect.isEffect(answer) ? Stream.unwrap(Effect.map(answer, elementsOf)) : answer

const elementsOf = (queue: unknown): Stream.Stream<unknown, unknown> =>
  Queue.isDequeue(queue)
    ? Stream.fromQueue(queue)
    : Stream.die(new TypeError("its handler answered with neither a stream nor a queue, and the operation is a stream"))
