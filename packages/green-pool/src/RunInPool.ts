/**
 * Web applications in a pool: each request is handled in a worker, and those that find none free wait in a queue.
 *
 * `node` is for listeners of `node:http`, `fetch` for handlers of the Fetch standard, `effect` for apps of effect/http,
 * and `middleware` for an `HttpRouter`. Each gives back an app of the same kind, to be used in the place of yours.
 *
 * **A worker** is taken by a request until its handler has ended: an Effect with its finalizers; a Fetch handler when it
 * has given its response; a listener of Node's when it has returned or its promise is settled, and the response has been
 * ended or its connection is lost. A request that comes while the code that handles another one in the same pool runs,
 * as one app that calls another one, runs in place.
 *
 * **Answers instead of yours**: 503 with `Retry-After` when the queue is full, and with `Connection: close` when the
 * scope is being closed or the pool has been shut down; 504 after the deadline; 413 and 503 for bodies that are too
 * large; 400 for a request that is none; 404 when of several apps none answers; 500, without any detail, when one fails.
 * None of them says why.
 *
 * **A client that leaves** while its request waits takes it out of the queue, and no handler hears of it. If it leaves
 * later, an Effect is interrupted, and the signal of a Fetch request aborts; a listener of Node's is told by the
 * `close` of its response. The worker is free when the handler has ended.
 *
 * **Closing the scope** refuses new requests and waits until all those that were received are answered, then closes the
 * pool if it is the app's own. It waits as long as that takes, unless there is a `grace`.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type * as Types from "effect/Types"
import type { IncomingMessage, ServerResponse } from "node:http"
import type { GreenPool, MakeOptions, Overflow } from "./GreenPool.ts"
import { open } from "./internal/serve/open.ts"
import type { HttpApp, HttpServerRequest } from "./internal/serve/EffectRequest.ts"
import * as FetchRequest from "./internal/serve/FetchRequest.ts"
import * as NodeRequest from "./internal/serve/NodeRequest.ts"
import type { Reception } from "./internal/serve/Reception.ts"
import type { PoolOptionError } from "./PoolError.ts"

/**
 * How much of bodies is held.
 *
 * @category models
 * @since 0.1.0
 */
export interface BodyLimits {
  /** Of one request, in bytes: 1 MiB unless said. More is answered 413, by `Content-Length` before any of it is read. */
  readonly maxBytes?: number
  /** Of all requests together: 64 MiB unless said. A body that does not fit is answered 503. */
  readonly maxTotalBytes?: number
}

/**
 * How requests are taken in, whatever the kind of app.
 *
 * @category models
 * @since 0.1.0
 */
export interface CommonOptions {
  /**
   * How many requests may be queued: fifty for each worker unless said, so that the last of them waits about fifty times
   * as long as a handler takes; few clients wait longer. `Infinity` for any number, 0 for none.
   */
  readonly capacity?: number
  /** Of what is queued in the pool, that with the higher number starts first: 0 unless said. */
  readonly priority?: number
  /** What a refused client is told to wait, rounded up to seconds: one second unless said. */
  readonly retryAfter?: Duration.Input
  /**
   * How long a request may take, from its arrival on. Then it is answered 504: at once if it has no worker yet. If it
   * has, an Effect is interrupted, and answered for when it has ended; the signal of a Fetch request aborts; a response
   * of Node's that has begun is cut off. These two are waited for no longer: what they still do, they do outside of the
   * pool.
   */
  readonly deadline?: Duration.Input
  /**
   * Waits for the whole body before the request is given a worker, so that slow clients cost none; the app reads it as
   * usual. It counts as held until the request is over. Without, bodies are streamed.
   */
  readonly waitForBody?: BodyLimits | true
  /** How long closing the scope waits. Then what is left is ended as by `deadline`, with 503. */
  readonly grace?: Duration.Input
}

/**
 * The pool: one that is there, for other work too, or the options of one of the app's own.
 *
 * @category models
 * @since 0.1.0
 */
export type PoolOptions =
  | { readonly pool: GreenPool<Overflow> }
  | ({ readonly pool?: never } & Pick<MakeOptions, "maxWorkers" | "rate" | "name">)

/**
 * Who is told of errors. Unless said, they are logged, by the logger of whoever has made the app.
 *
 * @category models
 * @since 0.1.0
 */
export interface ReportOptions<in Request> {
  readonly report?: (cause: Cause.Cause<unknown>, request: Request) => Effect.Effect<void>
}

/**
 * The options of `node`.
 *
 * @category models
 * @since 0.1.0
 */
export type NodeOptions = CommonOptions & PoolOptions & ReportOptions<IncomingMessage>

/**
 * The options of `fetch`.
 *
 * @category models
 * @since 0.1.0
 */
export type FetchOptions = CommonOptions &
  PoolOptions &
  ReportOptions<Request> & {
    /** The origin that the app is known by, as `https://example.org`: that of the Host header unless said. */
    readonly origin?: string
  }

/**
 * The options of `effect` and `middleware`.
 *
 * @category models
 * @since 0.1.0
 */
export type EffectOptions = CommonOptions & PoolOptions

/**
 * What has become of the requests. All that were received are answered, refused, dropped or pending.
 *
 * @category models
 * @since 0.1.0
 */
export interface RequestCounts {
  readonly received: number
  /** Whose turn is over, however it has ended. */
  readonly answered: number
  /** Who were answered without a turn. */
  readonly refused: number
  /** Whose client has left before their turn. */
  readonly dropped: number
  /** Who are neither. */
  readonly pending: number
  /** Of which these wait for a worker. */
  readonly queued: number
  /** How long requests have been queued, in milliseconds, all together. */
  readonly waited: number
  /** How many bytes of bodies are held. */
  readonly heldBytes: number
}

/**
 * What an app has besides.
 *
 * @category models
 * @since 0.1.0
 */
export interface InPool {
  readonly pool: GreenPool<Overflow>
  readonly counts: RequestCounts
}

/**
 * A listener of `node:http`.
 *
 * @category models
 * @since 0.1.0
 */
export type NodeListener = (request: IncomingMessage, response: ServerResponse) => unknown

/**
 * A handler of the Fetch standard, with whatever its server gives it besides. `undefined` if it is not its matter.
 *
 * @category models
 * @since 0.1.0
 */
export type FetchHandler<in Args extends ReadonlyArray<unknown> = []> = (
  request: Request,
  ...args: Args
) => Response | undefined | PromiseLike<Response | undefined>

/**
 * Puts an app of effect/http into the pool.
 *
 * @category models
 * @since 0.1.0
 */
export interface HttpMiddleware {
  <E, R>(app: HttpApp<E, R>): HttpApp<E, R | HttpServerRequest>
  /** The same for `HttpRouter.middleware`, whose types infer nothing of a generic function in an Effect. */
  (app: HttpApp<Types.unhandled, never>): HttpApp<Types.unhandled, HttpServerRequest>
}

/**
 * A listener for `node:http` that handles each request in a worker.
 *
 * Of a list, the first that answers wins: one that has begun or ended the response when it returns, or when its promise
 * is settled. A listener that answers later, by callbacks, has to stand alone. The `url` of a request is a path: of an
 * absolute target the rest is left out, and slashes at its beginning are made one.
 *
 * @example
 * ```ts
 * import * as Effect from "effect/Effect"
 * import { RunInPool } from "green-pool"
 * import { once } from "node:events"
 * import { createServer } from "node:http"
 *
 * const program = Effect.gen(function*() {
 *   const app = yield* RunInPool.node((_, response) => response.end("hello"), { maxWorkers: 20 })
 *   const server = createServer(app).listen(0)
 *   yield* Effect.promise(() => once(server, "listening"))
 *   server.close()
 * })
 *
 * await Effect.runPromise(Effect.scoped(program))
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const node = (
  listener: NodeListener | ReadonlyArray<NodeListener>,
  options: NodeOptions = {}
): Effect.Effect<
  ((request: IncomingMessage, response: ServerResponse) => void) & InPool,
  PoolOptionError,
  Scope.Scope
> =>
  Effect.gen(function* () {
    const reception = yield* open(options)
    const report = yield* reporter(options)
    return inPool(NodeRequest.listen({ reception, listener, report }), reception)
  })

/**
 * A handler for a server of the Fetch standard that handles each request in a worker. It never rejects.
 *
 * Of a list, the first that gives a `Response` wins. Whatever else the server gives to a handler is passed on. A
 * handler sees the request itself, unless its origin is not that of the server, or there is a `deadline`, a `grace` or a
 * body to wait for: then it is a copy. A client that left before its turn is answered 499, for whoever asks.
 *
 * @category constructors
 * @since 0.1.0
 */
export const fetch = <Args extends ReadonlyArray<unknown> = []>(
  handler: FetchHandler<Args> | ReadonlyArray<FetchHandler<Args>>,
  options: FetchOptions = {}
): Effect.Effect<((request: Request, ...args: Args) => Promise<Response>) & InPool, PoolOptionError, Scope.Scope> =>
  Effect.gen(function* () {
    const reception = yield* open(options)
    const report = yield* reporter(options)
    const handlers = typeof handler === "function" ? [handler] : handler
    const { deadline, origin } = options
    const isTimed = deadline !== undefined || options.grace !== undefined
    return inPool(FetchRequest.fetch({ reception, handlers, origin, isTimed, report }), reception)
  })

/**
 * An app of effect/http that handles each request in a worker.
 *
 * Of a list, the first that does not fail with `RouteNotFound` wins. Any other failure is the app's own, typed, and its
 * server answers and reports it, without details unless the error has some to tell. The app runs in a fiber and a
 * greenlet of its own, with the context of the request.
 *
 * @category constructors
 * @since 0.1.0
 */
export const effect = <E = never, R = never>(
  app: HttpApp<E, R> | ReadonlyArray<HttpApp<E, R>>,
  options: EffectOptions = {}
): Effect.Effect<HttpApp<E, R | HttpServerRequest> & InPool, PoolOptionError, Scope.Scope> =>
  Effect.gen(function* () {
    const { firstOf, handle } = yield* effectHttp
    const reception = yield* open(options)
    return inPool(handle(reception, Effect.isEffect(app) ? app : firstOf(app)), reception)
  })

/**
 * A middleware that handles each request in a worker: for an `HttpRouter`, or any app of effect/http. All that are put
 * into the pool by one middleware share its queue and its options.
 *
 * @category constructors
 * @since 0.1.0
 */
export const middleware = (
  options: EffectOptions = {}
): Effect.Effect<HttpMiddleware & InPool, PoolOptionError, Scope.Scope> =>
  Effect.gen(function* () {
    const { handle } = yield* effectHttp
    const reception = yield* open(options)
    return inPool(<E, R>(app: HttpApp<E, R>) => handle(reception, app), reception)
  })

/** Loaded by those who need it: it takes longer than all the rest. */
const effectHttp = Effect.promise(() => import("./internal/serve/EffectRequest.ts"))

const inPool = <App extends object>(app: App, reception: Reception): App & InPool =>
  Object.assign(app, { pool: reception.pool, counts: reception })

const reporter = <Request extends { readonly method?: string | undefined; readonly url?: string | undefined }>({
  report = logged
}: ReportOptions<Request>): Effect.Effect<(error: unknown, request: Request) => void> =>
  Effect.map(Effect.context<never>(), (context) => {
    const runFork = Effect.runForkWith(context)
    return (error, request) => {
      runFork(Effect.suspend(() => report(Cause.die(error), request)))
    }
  })

const logged = (
  cause: Cause.Cause<unknown>,
  { method, url }: { readonly method?: string | undefined; readonly url?: string | undefined }
): Effect.Effect<void> => Effect.logError(`${method} ${url}: the app has failed, answered 500`, cause)
