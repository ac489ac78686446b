/**
 * A session whose methods give promises. Its bodies belong to the session: no fiber outlives the head.
 */
import type * as Cookies from "../Cookies.ts"
import type { PromiseHttp, PromiseVerb, RequestOptions, Signal } from "../GreenHttp.ts"
import { PromiseResponse, type RunPromise } from "../PromiseResponse.ts"
import type { Session } from "./Session.ts"

export class PromiseSession implements PromiseHttp {
  readonly green = false
  readonly #session: Session
  readonly #run: RunPromise

  constructor(session: Session, run: RunPromise) {
    this.#session = session
    this.#run = run
  }

  get cookies(): Cookies.Cookies | undefined {
    return this.#session.cookies
  }

  readonly get: PromiseVerb = (url, options) => this.request("GET", url, options)
  readonly head: PromiseVerb = (url, options) => this.request("HEAD", url, options)
  readonly post: PromiseVerb = (url, options) => this.request("POST", url, options)
  readonly put: PromiseVerb = (url, options) => this.request("PUT", url, options)
  readonly patch: PromiseVerb = (url, options) => this.request("PATCH", url, options)
  readonly delete: PromiseVerb = (url, options) => this.request("DELETE", url, options)
  readonly options: PromiseVerb = (url, options) => this.request("OPTIONS", url, options)

  async request(method: string, url: string | URL, options: RequestOptions & Signal = {}): Promise<PromiseResponse> {
    const { signal } = options
    const asked = this.#session.ask(method, url, options, undefined)
    return new PromiseResponse(await this.#run(asked, signal === undefined ? {} : { signal }), this.#run)
  }
}
