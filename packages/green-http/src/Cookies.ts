/**
 * The cookies of a session, by tough-cookie: RFC 6265, with the public suffix list.
 *
 * @since 0.1.0
 */
import { type Cookie, CookieJar, MemoryCookieStore, type SerializedCookieJar } from "tough-cookie"
import type { RawHeaders } from "./HttpExchange.ts"
import { getAll } from "./HttpHeaders.ts"

/**
 * A jar. `toJSON` gives what `make` takes.
 *
 * @category models
 * @since 0.1.0
 */
export interface Cookies {
  /** tough-cookie's own, for all that it can do. */
  readonly jar: CookieJar
  /** The value of the Cookie header; `undefined` if there is none to send. */
  readonly header: (url: URL) => string | undefined
  /** Keeps what a response of the URL sets. What is not for it is not kept. */
  readonly store: (url: URL, headers: RawHeaders) => void
  readonly toJSON: () => SerializedCookieJar
}

/**
 * A jar: empty, or as it was serialised.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (serialized?: SerializedCookieJar): Cookies => {
  const jar = serialized === undefined ? new CookieJar(undefined, options) : CookieJar.deserializeSync(serialized)
  return {
    jar,
    header: (url) => (mayKnow(jar, url.hostname) ? cookiesOf(jar, url) : undefined),
    store: (url, headers) => {
      for (const line of getAll(headers, "set-cookie")) {
        jar.setCookieSync(line, url.href, { ignoreError: true })
      }
    },
    toJSON: () => {
      const serialized = jar.serializeSync()
      if (serialized === undefined) throw new TypeError("Cookies: this jar cannot be serialised")
      return serialized
    }
  }
}

/** A host that is itself a name of special use, as `http://test/`, has none: tough-cookie throws for it. */
const cookiesOf = (jar: CookieJar, url: URL): string | undefined => {
  try {
    return jar.getCookieStringSync(url.href) || undefined
  } catch {
    return undefined
  }
}

/**
 * Whether there may be cookies for a host: of itself, or of a domain that it is in. Most requests have none, and to ask
 * for them takes as long as the rest of a request.
 */
const mayKnow = ({ store }: CookieJar, host: string): boolean => {
  if (!(store instanceof MemoryCookieStore)) return true
  const domains = store.idx
  if (host.startsWith("[")) return Object.hasOwn(domains, host.slice(1, -1))
  if (Object.hasOwn(domains, host)) return true
  for (let dot = host.indexOf("."); dot !== -1; dot = host.indexOf(".", dot + 1)) {
    if (Object.hasOwn(domains, host.slice(dot + 1))) return true
  }
  return false
}

const options = { looseMode: false, rejectPublicSuffixes: true, prefixSecurity: "strict" } as const

export type { Cookie, SerializedCookieJar }
