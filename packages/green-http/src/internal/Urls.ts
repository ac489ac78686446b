/**
 * The URLs that a session asks: absolute, http or https. The same few are asked again and again, and parsed once.
 */
import { failure, HttpError } from "../HttpError.ts"

const most = 256

export class Urls {
  readonly base: URL | undefined
  readonly #parsed = new Map<string, URL>()

  constructor(base: URL | undefined) {
    this.base = base
  }

  static make(base: string | URL | undefined): Urls | HttpError {
    const url = base === undefined ? undefined : new Urls(undefined).parse("GET", base)
    return url instanceof HttpError ? url : new Urls(url)
  }

  /** It is shared: not to be changed. One that is given is its giver's, who may change it. */
  parse(method: string, given: string | URL): URL | HttpError {
    const text = typeof given === "string" ? given : given.href
    const known = this.#parsed.get(text)
    if (known !== undefined) return known
    const url = URL.parse(text, this.base)
    const problem =
      url === null
        ? this.base === undefined
          ? "it is not absolute, and the session has no baseUrl"
          : "it cannot be parsed"
        : url.protocol === "http:" || url.protocol === "https:"
          ? undefined
          : `its scheme is ${url.protocol}`
    if (url === null || problem !== undefined) {
      const reason = { _tag: "InvalidUrl", value: text, problem: problem ?? "" } as const
      return failure({ method, url: given }, reason)
    }
    if (this.#parsed.size >= most) this.#parsed.clear()
    this.#parsed.set(text, url)
    return url
  }
}
