/**
 * A `Request` of the Fetch standard that waits for a worker, and its handlers.
 */
import type { FetchHandler } from "../../RunInPool.ts"
import type { BodyBudget } from "./BodyBudget.ts"
import type { Reception } from "./Reception.ts"
import type { Refusal } from "./Refusal.ts"
import { RequestJob } from "./RequestJob.ts"
import { authorityOf, pathOf } from "./target.ts"
import { readWebBody } from "./webBody.ts"

/** What a Fetch app is made of. */
export interface FetchApp<Args extends ReadonlyArray<unknown>> {
  readonly reception: Reception
  /** Of which the first that answers wins. */
  readonly handlers: ReadonlyArray<FetchHandler<Args>>
  readonly origin: string | undefined
  /** Whether handlers are told by a signal that it takes too long. */
  readonly isTimed: boolean
  readonly report: (error: unknown, request: Request) => void
}

/** The handler that hands every request to a worker. */
export const fetch =
  <Args extends ReadonlyArray<unknown>>(app: FetchApp<Args>) =>
  (request: Request, ...args: Args): Promise<Response> => {
    const { reception } = app
    const own = onOrigin(request, app.origin)
    if (own === undefined) return Promise.resolve(responseOf(reception.refusals.badRequest))
    if (reception.isInside) return answer(app, own, args)
    return new Promise((resolve) => reception.receive(new FetchRequest(app, own, args, resolve)))
  }

/**
 * The request with the origin that the server is known by, which is not the one that the client may have written into
 * the request target: the origin given, or else that of the Host header. `undefined` if that is none.
 */
const onOrigin = (request: Request, origin: string | undefined): Request | undefined => {
  const { url } = request
  if (origin === undefined) {
    const host = request.headers.get("host")
    if (host === null) return request
    const start = url.indexOf("//") + 2
    if (url.startsWith(host, start) && url[start + host.length] === "/") return request
    const authority = authorityOf(host)
    return authority === undefined ? undefined : moved(request, `${url.slice(0, start)}${authority}`)
  }
  return url.startsWith(origin) && url[origin.length] === "/" ? request : moved(request, origin)
}

const moved = (request: Request, origin: string): Request => {
  const { pathname, search } = new URL(request.url)
  const url = new URL(`${pathOf(pathname) ?? "/"}${search}`, origin).href
  return url === request.url ? request : new Request(url, request)
}

/** Asks the handlers, in their order. */
const answer = async <Args extends ReadonlyArray<unknown>>(
  { handlers, reception, report }: FetchApp<Args>,
  request: Request,
  args: Args
): Promise<Response> => {
  try {
    for (const handler of handlers) {
      const response = await handler(request, ...args)
      if (response !== undefined) return response
    }
    return responseOf(reception.refusals.notFound)
  } catch (error) {
    report(error, request)
    return responseOf(reception.refusals.failed)
  }
}

const responseOf = ({ headers, status, text }: Refusal): Response => new Response(text, { status, headers })

/** How it is answered that a client has left, for whoever is still there. */
const gone = (): Response => new Response(null, { status: 499 })

/** A request in the pool. */
class FetchRequest<Args extends ReadonlyArray<unknown>> extends RequestJob {
  readonly #app: FetchApp<Args>
  readonly #args: Args
  readonly #resolve: (response: Response) => void
  readonly #signal: AbortSignal
  #request: Request
  #abort: AbortController | undefined = undefined
  #left: (() => void) | undefined = undefined

  constructor(app: FetchApp<Args>, request: Request, args: Args, resolve: (response: Response) => void) {
    super(app.reception)
    this.#app = app
    this.#request = request
    this.#args = args
    this.#signal = request.signal
    this.#resolve = resolve
  }

  get hasBody(): boolean {
    return this.#request.body !== null && !this.#request.bodyUsed
  }

  read(budget: BodyBudget): void {
    void this.#read(budget)
  }

  watch(): void {
    if (this.#left !== undefined) return
    if (this.#signal.aborted) return this.leave()
    this.#left = () => this.leave()
    this.#signal.addEventListener("abort", this.#left, { once: true })
  }

  override leave(): void {
    this.#unwatch()
    super.leave()
    this.#resolve(gone())
  }

  reply(refusal: Refusal): void {
    this.#unwatch()
    this.#resolve(responseOf(refusal))
  }

  protected serve(): void {
    this.#unwatch()
    let request = this.#request
    if (this.#app.isTimed) {
      this.#abort = new AbortController()
      request = new Request(request, { signal: AbortSignal.any([this.#signal, this.#abort.signal]) })
    }
    void answer(this.#app, request, this.#args).then((response) => {
      this.#resolve(response)
      this.end()
    })
  }

  protected stop(refusal: Refusal): void {
    this.#resolve(responseOf(refusal))
    this.#abort?.abort(new DOMException(refusal.text.trim(), "TimeoutError"))
    this.end()
  }

  async #read(budget: BodyBudget): Promise<void> {
    const { headers, method, url } = this.#request
    const body = await readWebBody(this.#request, this, budget, () => this.state === "reading")
    if (this.state !== "reading") return
    if (body === undefined) return this.leave()
    if (typeof body === "string") return this.refuse(body)
    this.#request = new Request(url, { method, headers, body, signal: this.#signal })
    this.reception.admit(this)
  }

  #unwatch(): void {
    if (this.#left !== undefined) this.#signal.removeEventListener("abort", this.#left)
    this.#left = undefined
  }
}
