/**
 * What the handler of an operation answers, as an Effect or a stream: at once or later, wrapped in the middleware of the
 * operation. It knows no codecs.
 */
import type * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { noHeaders } from "./effectHttp.ts"
import { type Operation, Rpc, requestId, withMiddleware } from "./effectRpc.ts"

/** What a handler may answer: at once or later, with elements or a queue of them. */
type Answer = Effect.Effect<unknown, unknown> | Stream.Stream<unknown, unknown>

export interface Answered {
  readonly value: Effect.Effect<unknown, unknown, Scope.Scope>
  /** Of a stream: runs it, and hands on its chunks. */
  readonly run: (
    hand: (values: ReadonlyArray<unknown>) => Effect.Effect<void>
  ) => Effect.Effect<unknown, unknown, Scope.Scope>
  /** The same, to be pulled. */
  readonly stream: Stream.Stream<unknown, unknown>
}

const client = new Rpc.ServerClient(0)

/** Asks the handler. Throws what the handler throws. */
export const ask = (
  { rpc }: Operation,
  { handler }: Rpc.Handler<string>,
  /** Where the middleware is. */
  services: Context.Context<never>,
  payload: unknown,
  request: number
): Answered => {
  const options = { client, requestId: requestId(request), headers: noHeaders, rpc, payload }
  const given = handler(payload, options)
  const answer = Rpc.unwrap(given)
  const wrapped = (performed: Effect.Effect<unknown, unknown, Scope.Scope>) => {
    const inside = rpc.middlewares.size === 0 ? performed : withMiddleware(performed, services, options)
    // That it is to be forked says nothing here: each request has a fiber.
    return Rpc.isWrapper(given) && given.uninterruptible ? Effect.uninterruptible(inside) : inside
  }
  const run: Answered["run"] = (hand) => wrapped(Stream.runForEachArray(streamOf(answer), hand))
  return {
    get value() {
      return wrapped(valueOf(answer))
    },
    run,
    get stream() {
      // Middleware wraps an Effect: its stream is run, no further ahead than what is pulled.
      if (rpc.middlewares.size === 0) return Stream.scoped(streamOf(answer))
      return Stream.callback<unknown, unknown>(
        (queue) =>
          Effect.matchCauseEffect(
            run((values) => Effect.asVoid(Queue.offerAll(queue, values))),
            { onSuccess: () => Queue.end(queue), onFailure: (cause) => Queue.failCause(queue, cause) }
          ),
        { bufferSize: 1 }
      )
    }
  }
}

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
