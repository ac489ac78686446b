/**
 * Redirects: what the next request is, by the rules of the Fetch standard.
 *
 * A pure function of a request and the head of its response; whoever follows it counts.
 *
 * @see https://fetch.spec.whatwg.org/#http-redirect-fetch
 * @since 0.1.0
 */
import type { ExchangeRequest, RawHeaders, RequestBody } from "./HttpExchange.ts"
import * as Headers from "./HttpHeaders.ts"

/**
 * Where a response leads: a request, or why there is none although the response is a redirect.
 *
 * @category models
 * @since 0.1.0
 */
export type Next =
  | { readonly _tag: "Request"; readonly request: ExchangeRequest; readonly crossOrigin: boolean }
  | { readonly _tag: "Impossible"; readonly problem: string }

const redirects = new Set([301, 302, 303, 307, 308])

/** Of the request, and of no other origin's concern. */
const credentials = ["authorization", "proxy-authorization", "cookie", "cookie2", "host"] as const
const ofTheBody = [
  "content-encoding",
  "content-language",
  "content-location",
  "content-type",
  "content-length",
  "transfer-encoding",
  "digest",
  "content-digest",
  "repr-digest"
] as const

/**
 * The request that a response asks for; `undefined` if it asks for none: another status, or no Location.
 *
 * 303 makes a GET of all but GET and HEAD, 301 and 302 of POST; then the body and what describes it are gone. The
 * fragment is kept unless the Location has its own. At another origin credentials are gone. A body that is a stream has
 * been read, and cannot be sent again; files and Blobs are.
 *
 * @category constructors
 * @since 0.1.0
 */
export const next = (
  request: ExchangeRequest,
  response: { readonly status: number; readonly headers: RawHeaders }
): Next | undefined => {
  const { status } = response
  if (!redirects.has(status)) return undefined
  const [location] = Headers.getAll(response.headers, "location")
  if (location === undefined) return undefined
  const url = URL.parse(asUtf8(location), request.url)
  if (url === null) return { _tag: "Impossible", problem: `the Location is no URL` }
  if (url.protocol !== "http:" && url.protocol !== "https:") {
    return { _tag: "Impossible", problem: `the Location has the scheme ${url.protocol}` }
  }
  if (url.hash === "") url.hash = request.url.hash

  const becomesGet =
    status === 303 ? request.method !== "GET" && request.method !== "HEAD" : status < 303 && request.method === "POST"
  if (!becomesGet && request.body !== undefined && !isRepeatable(request.body)) {
    return { _tag: "Impossible", problem: "the body was a stream, which cannot be sent twice" }
  }
  const crossOrigin = url.origin !== request.url.origin
  let headers = request.headers
  if (becomesGet) headers = Headers.without(headers, ...ofTheBody)
  if (crossOrigin) headers = Headers.without(headers, ...credentials)
  const { body: _, ...rest } = request
  return {
    _tag: "Request",
    crossOrigin,
    request: becomesGet ? { ...rest, method: "GET", url, headers } : { ...request, url, headers }
  }
}

/**
 * Whether a body may be sent again.
 *
 * @category guards
 * @since 0.1.0
 */
export const isRepeatable = (body: RequestBody | undefined): boolean =>
  body === undefined || body instanceof Uint8Array || body.repeatable === true

/** Servers send a Location in UTF-8, and header fields arrive as Latin-1. */
const asUtf8 = (text: string): string => {
  if (!/[\x80-\xff]/.test(text)) return text
  const decoded = Buffer.from(text, "latin1").toString("utf8")
  return decoded.includes("�") ? text : decoded
}
