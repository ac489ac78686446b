/**
 * A request of effect/http that waits for a worker, and its app. The one file that knows effect/http.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import { type HttpServerError, isHttpServerError } from "effect/http/HttpServerError"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import { IncomingMessage } from "node:http"
import type { BodyBudget } from "./BodyBudget.ts"
import { hasBody, readBody } from "./nodeBody.ts"
import type { Reception } from "./Reception.ts"
import type { Refusal } from "./Refusal.ts"
import { RequestJob } from "./RequestJob.ts"
import { authorityOf, isPath, pathOf } from "./target.ts"
import { readWebBody } from "./webBody.ts"

/** An app of effect/http. */
export type HttpApp<E, R> = Effect.Effect<HttpServerResponse.HttpServerResponse, E, R>
export type { HttpServerRequest } from "effect/http/HttpServerRequest"

/** The app whose requests are each handled in a worker. */
export const handle = <E, R>(
  reception: Reception,
  app: HttpApp<E, R>
): HttpApp<E, R | HttpServerRequest.HttpServerRequest> =>
  Effect.contextWith((context: Context.Context<R | HttpServerRequest.HttpServerRequest>) => {
    const request = onPath(Context.get(context, HttpServerRequest.HttpServerRequest))
    if (request === undefined) return Effect.succeed(responseOf(reception.refusals.badRequest))
    if (reception.isInside) return Effect.provideService(app, HttpServerRequest.HttpServerRequest, request)
    const job = new EffectRequest(reception, app, request, context)
    reception.receive(job)
    return job.exit ?? job.answer
  })

/** The apps as one: the first that knows the way answers. */
export const firstOf = <E, R>(apps: ReadonlyArray<HttpApp<E, R>>): HttpApp<E, R> => {
  const [first, ...others] = apps
  if (first === undefined) return Effect.succeed(HttpServerResponse.empty({ status: 404 }))
  return Effect.catchIf(first, isNotFound, () => firstOf(others))
}

const isNotFound = (error: unknown): error is HttpServerError =>
  isHttpServerError(error) && error.reason._tag === "RouteNotFound"

/** The request with a URL that is a path, on the host that its Host header names; `undefined` if that is none. */
const onPath = (request: HttpServerRequest.HttpServerRequest): HttpServerRequest.HttpServerRequest | undefined => {
  const { source } = request
  const isNode = source instanceof IncomingMessage
  const target = isNode ? (source.url ?? "/") : request.url
  const host = isNode ? hostOf(source.rawHeaders) : request.headers["host"]
  if (host !== undefined && authorityOf(host) === undefined) return undefined
  if (isPath(target)) return request
  const url = pathOf(target)
  if (url === undefined) return undefined
  return request.modify({ url, headers: host === undefined ? request.headers : { ...request.headers, host } })
}

/** The Host header, without reading all the others, which an app may have no use for. */
const hostOf = (rawHeaders: ReadonlyArray<string>): string | undefined => {
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index]
    if (name?.length === 4 && name.toLowerCase() === "host") return rawHeaders[index + 1]
  }
  return undefined
}

const responseOf = ({ headers, status, text }: Refusal): HttpServerResponse.HttpServerResponse =>
  HttpServerResponse.text(text, { status, headers })

type Answer<E> = Exit.Exit<HttpServerResponse.HttpServerResponse, E>

/** A request in the pool. */
class EffectRequest<E, R> extends RequestJob {
  exit: Answer<E> | undefined = undefined
  readonly #app: HttpApp<E, R>
  readonly #context: Context.Context<R | HttpServerRequest.HttpServerRequest>
  #request: HttpServerRequest.HttpServerRequest
  #fiber: Fiber.Fiber<HttpServerResponse.HttpServerResponse, E> | undefined = undefined
  #stopReading: (() => void) | undefined = undefined
  #resume: ((exit: Answer<E>) => void) | undefined = undefined
  /** What is answered in the place of the app, which is being interrupted. */
  #instead: Answer<never> | undefined = undefined

  constructor(
    reception: Reception,
    app: HttpApp<E, R>,
    request: HttpServerRequest.HttpServerRequest,
    context: Context.Context<R | HttpServerRequest.HttpServerRequest>
  ) {
    super(reception)
    this.#app = app
    this.#request = request
    this.#context = context
  }

  /** Waits for the answer. Interrupting it takes the request out of the queue, or interrupts its app. */
  get answer(): Effect.Effect<HttpServerResponse.HttpServerResponse, E> {
    return Effect.interruptible(
      Effect.callback((resume) => {
        this.#resume = resume
        return Effect.suspend(() => this.#interrupt())
      })
    )
  }

  get hasBody(): boolean {
    const { source } = this.#request
    if (source instanceof IncomingMessage) return hasBody(source)
    return source instanceof Request && source.body !== null && !source.bodyUsed
  }

  read(budget: BodyBudget): void {
    const { source } = this.#request
    if (source instanceof IncomingMessage) this.#readNode(source, budget)
    else if (source instanceof Request) void this.#readWeb(source, budget)
  }

  /** The server interrupts whoever waits for the answer. */
  watch(): void {}

  reply(refusal: Refusal): void {
    this.#stopReading?.()
    this.#answer(Exit.succeed(responseOf(refusal)))
  }

  protected serve(): void {
    const context =
      this.#request === Context.get(this.#context, HttpServerRequest.HttpServerRequest)
        ? this.#context
        : Context.add(this.#context, HttpServerRequest.HttpServerRequest, this.#request)
    const fiber = Effect.runForkWith(context)(this.#app)
    const exit = fiber.pollUnsafe()
    if (exit !== undefined) return this.#ended(exit)
    this.#fiber = fiber
    fiber.addObserver((exit) => this.#ended(exit))
  }

  protected stop(refusal: Refusal): void {
    this.#instead ??= Exit.succeed(responseOf(refusal))
    this.#fiber?.interruptUnsafe()
  }

  #ended(exit: Answer<E>): void {
    this.end()
    this.#answer(this.#instead ?? exit)
  }

  #answer(exit: Answer<E>): void {
    this.exit = exit
    this.#resume?.(exit)
  }

  #interrupt(): Effect.Effect<void> {
    this.#stopReading?.()
    this.leave()
    const fiber = this.#fiber
    if (fiber === undefined) return Effect.void
    return Effect.callback((resume) => {
      fiber.interruptUnsafe()
      fiber.addObserver(() => resume(Effect.void))
    })
  }

  #readNode(source: IncomingMessage, budget: BodyBudget): void {
    // A server that leaves it to the reader to ask for the body is asked for it here.
    if (source.headers.expect?.toLowerCase() === "100-continue" && source.httpVersionMajor === 1) {
      source.socket.write("HTTP/1.1 100 Continue\r\n\r\n")
    }
    this.#stopReading = readBody(source, this, budget, (wrong) => {
      if (this.state !== "reading") return
      if (wrong === undefined) this.reception.admit(this)
      else this.refuse(wrong)
    })
  }

  async #readWeb(source: Request, budget: BodyBudget): Promise<void> {
    const { headers, method, signal, url } = source
    const body = await readWebBody(source, this, budget, () => this.state === "reading")
    if (this.state !== "reading") return
    if (body === undefined) return this.leave()
    if (typeof body === "string") return this.refuse(body)
    this.#request = HttpServerRequest.fromWeb(new Request(url, { method, headers, body, signal })).modify({
      url: this.#request.url,
      headers: this.#request.headers
    })
    this.reception.admit(this)
  }
}
