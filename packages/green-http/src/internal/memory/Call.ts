/**
 * One call of a Fetch handler, as an exchange: the request that it gets, and the response as the caller pulls it.
 */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { failure, type HttpError } from "../../HttpError.ts"
import { type ExchangeRequest, type ExchangeResponse, HttpExchange } from "../../HttpExchange.ts"
import { get, toPairs } from "../../HttpHeaders.ts"
import { PromisedBody } from "../body/PromisedBody.ts"
import { messageOf } from "../messageOf.ts"
import { Upload } from "./Upload.ts"

type Handler = (request: Request) => Response | PromiseLike<Response>

export class Call {
  readonly #request: ExchangeRequest
  readonly #resume: (outcome: Effect.Effect<ExchangeResponse, HttpError>) => void
  readonly #controller = new AbortController()
  readonly #upload: Upload | undefined
  /** Held until the end: nobody would hear its signal any more when it is garbage. */
  #asked: Request | undefined
  /** Whether the caller has his answer, or does not want one any more. */
  #settled = false

  constructor(
    request: ExchangeRequest,
    context: Context.Context<never>,
    resume: (outcome: Effect.Effect<ExchangeResponse, HttpError>) => void
  ) {
    this.#request = request
    this.#resume = resume
    const { body } = request
    if (body === undefined || body instanceof Uint8Array) return
    this.#upload = new Upload(request, body, context, (error) => this.#fail(error))
  }

  start(handler: Handler): void {
    try {
      this.#asked = this.#toRequest()
    } catch (cause) {
      // What `Request` does not take is the caller's mistake.
      this.#fail(failure(this.#request, { _tag: "InvalidRequest", problem: messageOf(cause) }))
      return
    }
    void this.#answer(handler, this.#asked)
  }

  /** Lets go of everything, and tells the handler. */
  abort(): void {
    this.#settled = true
    if (this.#asked?.signal.aborted !== true) this.#controller.abort()
    this.#upload?.close()
  }

  /** Never rejects. */
  async #answer(handler: Handler, request: Request): Promise<void> {
    try {
      const response = await handler(request)
      if (this.#settled) letGo(response)
      else {
        const answer = this.#toResponse(response)
        this.#settled = true
        this.#resume(Effect.succeed(answer))
      }
    } catch (cause) {
      this.#fail(failure(this.#request, { _tag: "Connect", code: "HANDLER", problem: messageOf(cause) }))
    }
  }

  #fail(error: HttpError): void {
    if (this.#settled) return
    this.abort()
    this.#resume(Effect.fail(error))
  }

  #toRequest(): Request {
    const { body, headers, method } = this.#request
    const url = new URL(this.#request.url)
    url.username = url.password = url.hash = ""
    const fields = toPairs(headers)
    const length = body instanceof Uint8Array ? body.byteLength : body?.length
    if (length !== undefined && get(headers, "content-length") === undefined)
      fields.push(["content-length", String(length)])
    const { signal } = this.#controller
    if (body === undefined) return new Request(url, { method, headers: fields, signal })
    const init = body instanceof Uint8Array ? new Uint8Array(body) : (this.#upload?.readable ?? null)
    return new Request(url, { method, headers: fields, signal, body: init, duplex: "half" })
  }

  #toResponse(response: Response): ExchangeResponse {
    const { body, status, statusText } = response
    const headers = [...response.headers].flat()
    if (status < 200 || status > 599) throw new RangeError(`${status} is no status of a response`)
    if (body === null || this.#request.method === "HEAD") {
      letGo(response)
      this.#upload?.close()
      return HttpExchange.response(status, headers, undefined, statusText)
    }
    const reader = body.getReader()
    const received = new PromisedBody(this.#request, {
      next: () => reader.read(),
      failure: (cause) =>
        this.#upload?.failure ??
        failure(this.#request, { _tag: "Protocol", code: "HANDLER", problem: messageOf(cause) }),
      cancel: Effect.sync(() => {
        this.abort()
        // What it says to that does not matter any more.
        reader.cancel().catch(() => {})
      }),
      ended: () => this.#upload?.close()
    })
    return { status, statusText, headers, body: received }
  }
}

/** Nobody reads it. */
const letGo = (response: Response): void => {
  response.body?.cancel().catch(() => {})
}
