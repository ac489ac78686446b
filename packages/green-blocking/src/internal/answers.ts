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
import { type Operation, type RequestOptions, Rpc, requestId, withMiddleware } from "./effectRpc.ts"

/** What a handler may answer: at once or later, with elements or a queue of them. */
type Answer = Effect.Effect<unknown, unknown> | Stream.Stream<unknown, unknown>

const client = new Rpc.ServerClient(0)

/** What the handler of one request has answered. A class: getters of a literal would cost more than all else of it. */
export class Answered {
  readonly #rpc: Rpc.AnyWithProps
  readonly #services: Context.Context<never>
  readonly #options: RequestOptions
  readonly #answer: Answer
  readonly #isUninterruptible: boolean

  /** Asks the handler; `services` has the middleware. Throws what the handler throws. */
  constructor(
    { rpc }: Operation,
    { handler }: Rpc.Handler<string>,
    services: Context.Context<never>,
    payload: unknown,
    request: number
  ) {
    this.#rpc = rpc
    this.#services = services
    this.#options = { client, requestId: requestId(request), headers: noHeaders, rpc, payload }
    const given = handler(payload, this.#options)
    this.#answer = Rpc.unwrap(given)
    // That it is to be forked says nothing here: each request has a fiber.
    this.#isUninterruptible = Rpc.isWrapper(given) && given.uninterruptible
  }

  get value(): Effect.Effect<unknown, unknown, Scope.Scope> {
    return this.#wrapped(valueOf(this.#answer))
  }

  /** Of a stream: runs it, and hands on its chunks. */
  run(hand: (values: ReadonlyArray<unknown>) => Effect.Effect<void>): Effect.Effect<unknown, unknown, Scope.Scope> {
    return this.#wrapped(Stream.runForEachArray(streamOf(this.#answer), hand))
  }

  /** The same, to be pulled. */
  get stream(): Stream.Stream<unknown, unknown> {
    // Middleware wraps an Effect: its stream is run, no further ahead than what is pulled.
    if (this.#rpc.middlewares.size === 0) return Stream.scoped(streamOf(this.#answer))
    return Stream.callback<unknown, unknown>(
      (queue) =>
        Effect.matchCauseEffect(
          this.run((values) => Effect.asVoid(Queue.offerAll(queue, values))),
          { onSuccess: () => Queue.end(queue), onFailure: (cause) => Queue.failCause(queue, cause) }
        ),
      { bufferSize: 1 }
    )
  }

  #wrapped(performed: Effect.Effect<unknown, unknown, Scope.Scope>): Effect.Effect<unknown, unknown, Scope.Scope> {
    const hasMiddleware = this.#rpc.middlewares.size > 0
    const inside = hasMiddleware ? withMiddleware(performed, this.#services, this.#options) : performed
    return this.#isUninterruptible ? Effect.uninterruptible(inside) : inside
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
