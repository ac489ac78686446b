/**
 * The URLs that are asked: absolute, http or https, and parsed once.
 */
import { failure, type HttpError } from "../HttpError.ts"

/** A URL that can be asked. It is shared: not to be changed. */
export const parseUrl = (method: string, value: string | URL, base: URL | undefined): URL | HttpError => {
  // A URL that is given is its giver's, who may change it.
  const text = typeof value === "string" ? value : value.href
  const isWhole = base === undefined || typeof value !== "string"
  const known = isWhole ? parsed.get(text) : undefined
  if (known !== undefined) return known
  const url = URL.parse(text, base)
  const problem =
    url === null
      ? base === undefined
        ? "it is not absolute, and the session has no baseUrl"
        : "it cannot be parsed"
      : url.protocol === "http:" || url.protocol === "https:"
        ? undefined
        : `its scheme is ${url.protocol}`
  if (url === null || problem !== undefined) {
    const reason = { _tag: "InvalidUrl", value: String(value), problem: problem ?? "" } as const
    return failure({ method, url: value }, reason)
  }
  if (isWhole) {
    if (parsed.size >= mostParsed) parsed.clear()
    parsed.set(text, url)
  }
  return url
}

/** Absolute URLs are asked again and again, and parsed once. */
const parsed = new Map<string, URL>()
const mostParsed = 256
