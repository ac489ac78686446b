/**
 * The cache of the undici handler (RFC 9111): undici's interceptor between a `Reply` and the dispatcher.
 */
import * as Duration from "effect/Duration"
import type { Dispatcher } from "undici"
import { interceptors } from "./undici.ts"
import { type CacheStore, type FileOptions, type MemoryOptions, SafeStore } from "./CacheStore.ts"
import { Reply } from "./Reply.ts"
import { Validation } from "./Validation.ts"

/**
 * What is kept of responses, and for whom.
 *
 * @category models
 * @since 0.1.0
 */
export interface CacheOptions {
  /** Where: in memory unless said, in a file, or in a store of your own, which stays open. */
  readonly store?: MemoryOptions | FileOptions | CacheStore
  /**
   * `shared` unless said: what one user got may be given to another, so nothing is kept that is `private`, or sets
   * cookies. `private`: all who use this exchange are one user. What was asked with Authorization is kept if the response
   * says `public`, `s-maxage` or `must-revalidate`, in either.
   */
  readonly type?: "shared" | "private"
  /** GET unless said. */
  readonly methods?: ReadonlyArray<"GET" | "HEAD" | "OPTIONS" | "TRACE">
  /** Whose responses are kept: those of any origin unless said. */
  readonly origins?: ReadonlyArray<string | RegExp>
  /** How long a response is fresh that says nothing about it: not at all unless said. */
  readonly freshFor?: Duration.Input
}

/** What a reply is sent by: a dispatcher, or a cache before it. */
export interface Sender {
  readonly dispatch: (options: SentOptions, reply: Reply) => unknown
}

interface SentOptions extends Dispatcher.DispatchOptions {
  readonly headers: Array<string>
  reply?: Reply
}

export const openStore = ({ store = {} }: CacheOptions): SafeStore => new SafeStore(store)

export const cached = (dispatcher: Pick<Dispatcher, "dispatch">, options: CacheOptions, store: SafeStore): Sender => {
  const { freshFor, methods, origins, type = "shared" } = options
  const intercept = interceptors.cache({
    store,
    type,
    ...(methods === undefined ? {} : { methods: [...methods] }),
    ...(origins === undefined ? {} : { origins: [...origins] }),
    ...(freshFor === undefined ? {} : { cacheByDefault: Duration.toMillis(freshFor) })
  })
  const send = intercept((sent, handler) => {
    const headers = validating(sent.headers)
    if (headers === undefined) return dispatcher.dispatch(sent, handler)
    const key = { origin: String(sent.origin), method: sent.method, path: sent.path, headers }
    const reply = "reply" in sent && sent.reply instanceof Reply ? sent.reply : undefined
    return dispatcher.dispatch(sent, new Validation(handler, reply, store, key))
  })
  return {
    dispatch: (sent, reply) => {
      if (isSafe(sent.method) && isForOne(sent.headers)) return dispatcher.dispatch(sent, reply)
      // The cache makes options of its own from these, which only we have.
      sent.reply = reply
      return send(sent, reply)
    }
  }
}

/** The headers of a request that the cache makes to validate what it has: it always asks by date. */
const validating = (
  headers: Dispatcher.DispatchOptions["headers"]
): Record<string, string | Array<string>> | undefined => {
  if (headers === null || headers === undefined || !("if-modified-since" in headers)) return undefined
  return Object.fromEntries(
    Object.entries(headers).filter((field): field is [string, string | Array<string>] => field[1] !== undefined)
  )
}

const isSafe = (method: string): boolean =>
  method === "GET" || method === "HEAD" || method === "OPTIONS" || method === "TRACE"

/** Whether the answer depends on what the asker has already: such a request is no matter of the cache. */
const isForOne = (headers: ReadonlyArray<string>): boolean => {
  for (let index = 0; index < headers.length; index += 2) {
    const name = headers[index] ?? ""
    // Most names begin with another letter.
    const first = name.charCodeAt(0) | 0x20
    if ((first === 0x69 || first === 0x72) && conditions.has(name.toLowerCase())) return true
  }
  return false
}

const conditions = new Set([
  "if-match",
  "if-none-match",
  "if-modified-since",
  "if-unmodified-since",
  "if-range",
  "range"
])
