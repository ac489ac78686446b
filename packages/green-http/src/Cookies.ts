/**
 * The cookies of a session, by tough-cookie: RFC 6265, with the public suffix list.
 *
 * @since 0.1.0
 */
import { type Cookie, CookieJar, type SerializedCookieJar } from "tough-cookie"
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
  let isEmpty = serialized === undefined
  return {
    jar,
    header: (url) => {
      if (isEmpty && jar.store.synchronous && (isEmpty = jar.serializeSync()?.cookies.length === 0)) return undefined
      return jar.getCookieStringSync(url.href) || undefined
    },
    store: (url, headers) => {
      for (const line of getAll(headers, "set-cookie")) {
        isEmpty = false
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

const options = { looseMode: false, rejectPublicSuffixes: true, prefixSecurity: "strict" } as const

export type { Cookie, SerializedCookieJar }
