/**
 * The handlers of a group, ready to be asked by blocked threads: what a layer of the group gave, with the middleware and
 * the codecs of each operation. It knows no threads.
 */
import type * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { Answered } from "../answers.ts"
import { chunkSender, receiver, sender } from "../codec.ts"
import { type Operation, type Rpc, type RpcGroup, handlerOf, operationsOf } from "../effectRpc.ts"

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
  const handlers = new Map<string, Handler>()
  for (const [name, operation] of operationsOf(group)) {
    const found = handlerOf(context, operation)
    if (found !== undefined) handlers.set(name, make(operation, found, context))
  }
  return handlers
}

const make = (operation: Operation, found: Rpc.Handler<string>, services: Context.Context<never>): Handler => {
  const { failure, isStream, payload, success } = operation
  return {
    operation,
    context: found.context,
    decodePayload: receiver(payload),
    encodeSuccess: sender(success),
    encodeChunk: chunkSender(success),
    encodeFailure: sender(failure),
    perform: (payload, request, hand) => {
      const answered = new Answered(operation, found, services, payload, request)
      return isStream ? answered.run(hand) : answered.value
    }
  }
}
