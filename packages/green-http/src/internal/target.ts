/**
 * Where a URL leads, as strings: who asks a URL for its parts gets new ones each time, and the same few URLs are asked for
 * again and again.
 */
import { redactUrl } from "../HttpError.ts"

export interface Target {
  readonly origin: string
  readonly host: string
  readonly port: number
  /** With the query: what stands on the request line. */
  readonly path: string
  /** As it may be shown. */
  readonly shown: string
}

const known = new Map<string, Target>()
const most = 256

export const targetOf = (url: URL): Target => {
  const { href } = url
  let target = known.get(href)
  if (target === undefined) {
    const { hostname: host, origin, pathname, port, protocol, search } = url
    target = {
      origin,
      host,
      port: port === "" ? (protocol === "https:" ? 443 : 80) : Number(port),
      path: pathname + search,
      shown: redactUrl(url)
    }
    if (known.size >= most) known.clear()
    known.set(href, target)
  }
  return target
}
