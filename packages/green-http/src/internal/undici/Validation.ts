/**
 * The request by which undici's cache asks whether what it has is still true, as it goes to the network.
 *
 * undici would serve a stored response that is validated as stale, with a warning, and not store that it is fresh again;
 * often it forgets it. Here a 304 becomes the response that it stands for, with the headers of both, which the cache then
 * takes as any other (RFC 9111, 3.2 and 4.3.4).
 */
import type { Dispatcher } from "undici"
import type { CacheStore, Key } from "./CacheStore.ts"
import type { Reply } from "./Reply.ts"

type Headers = Readonly<Record<string, string | Array<string> | undefined>>

export class Validation implements Dispatcher.DispatchHandler {
  readonly #handler: Dispatcher.DispatchHandler
  readonly #reply: Reply | undefined
  readonly #store: CacheStore
  readonly #key: Key & { readonly headers: Record<string, string | Array<string>> }

  constructor(
    handler: Dispatcher.DispatchHandler,
    reply: Reply | undefined,
    store: CacheStore,
    key: Key & { readonly headers: Record<string, string | Array<string>> }
  ) {
    this.#handler = handler
    this.#reply = reply
    this.#store = store
    this.#key = key
  }

  onRequestStart(controller: Dispatcher.DispatchController, context: unknown): void {
    // The cache keeps it to itself; but the caller may leave, or wait too long. One that has its response already does not
    // care: it was stale, and is validated behind its back.
    if (this.#reply?.isAnswered === false) this.#reply.onRequestStart(controller)
    this.#handler.onRequestStart?.(controller, context)
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number, headers: Headers, text?: string): void {
    const stored = status === 304 ? this.#stored(headers) : undefined
    if (stored === undefined) {
      this.#handler.onResponseStart?.(controller, status, { ...headers }, text)
      return
    }
    const merged: Record<string, string | Array<string> | undefined> = { ...stored.headers }
    for (const [name, value] of Object.entries(headers)) if (!ofTheBody.has(name)) merged[name] = value
    controller.rawHeaders = { ...merged }
    this.#handler.onResponseStart?.(controller, stored.status, merged, stored.text)
    for (const chunk of stored.chunks) this.#handler.onResponseData?.(controller, chunk)
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#handler.onResponseData?.(controller, chunk)
  }

  onResponseEnd(controller: Dispatcher.DispatchController, trailers: Headers): void {
    this.#handler.onResponseEnd?.(controller, { ...trailers })
  }

  onResponseError(controller: Dispatcher.DispatchController, error: Error): void {
    this.#handler.onResponseError?.(controller, error)
  }

  /** What was asked about, if it is at hand and the answer is about it. Otherwise undici does what it does. */
  #stored(headers: Headers) {
    const found = this.#store.get(this.#key)
    if (found === undefined || found instanceof Promise) return undefined
    const { body = [], etag } = found
    if (etag !== this.#key.headers["if-none-match"]) return undefined
    if (headers["etag"] !== undefined && headers["etag"] !== etag) return undefined
    const chunks = body instanceof Uint8Array ? [body] : Array.isArray(body) ? body : undefined
    if (chunks === undefined || !chunks.every((chunk) => Buffer.isBuffer(chunk))) return undefined
    return { status: found.statusCode, text: found.statusMessage, headers: found.headers, chunks }
  }
}

/** Those of a 304 say nothing of the stored body. */
const ofTheBody = new Set(["content-length", "content-encoding", "content-range", "transfer-encoding"])
