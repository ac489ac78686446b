/**
 * A response for code without Effect: what an `HttpResponse` has, as promises.
 *
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import type * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import type { Cookie } from "tough-cookie"
import type { HttpError } from "./HttpError.ts"
import type { RawHeaders } from "./HttpExchange.ts"
import type { HttpResponse, ResponseHead } from "./HttpResponse.ts"
import type { Link } from "./Links.ts"

/**
 * Runs an effect to a promise.
 *
 * @category models
 * @since 0.1.0
 */
export type RunPromise = <A, E>(effect: Effect.Effect<A, E>, options?: { readonly signal?: AbortSignal }) => Promise<A>

/**
 * A response. Its methods reject with `HttpError`.
 *
 * @category models
 * @since 0.1.0
 */
export class PromiseResponse implements ResponseHead {
  readonly #response: HttpResponse
  readonly #run: RunPromise

  constructor(response: HttpResponse, run: RunPromise) {
    this.#response = response
    this.#run = run
  }

  get status(): number {
    return this.#response.status
  }

  get statusText(): string {
    return this.#response.statusText
  }

  get ok(): boolean {
    return this.#response.ok
  }

  get url(): string {
    return this.#response.url
  }

  get method(): string {
    return this.#response.method
  }

  get headers(): Readonly<Record<string, string>> {
    return this.#response.headers
  }

  get rawHeaders(): RawHeaders {
    return this.#response.rawHeaders
  }

  get cookies(): ReadonlyArray<Cookie> {
    return this.#response.cookies
  }

  get links(): ReadonlyArray<Link> {
    return this.#response.links
  }

  get elapsed(): number {
    return this.#response.elapsed
  }

  get history(): ReadonlyArray<ResponseHead> {
    return this.#response.history
  }

  /** The bytes as they come. Cancelling it discards the body. */
  get body(): ReadableStream<Uint8Array> {
    return Stream.toReadableStream<Uint8Array, HttpError>(this.#response.stream)
  }

  bytes(): Promise<Uint8Array> {
    return this.#run(this.#response.bytes)
  }

  text(): Promise<string> {
    return this.#run(this.#response.text)
  }

  json(): Promise<unknown> {
    return this.#run(this.#response.json)
  }

  /** The same, decoded by a Schema whose decoding needs no services. */
  decode<S extends Schema.ConstraintDecoder<unknown>>(schema: S): Promise<S["Type"]> {
    return this.#run(this.#response.decode(schema))
  }

  /** The form of the body, urlencoded or multipart as its Content-Type says. */
  formData(): Promise<FormData> {
    return this.#run(this.#response.formData)
  }

  /** The parameters of the body, as of the query of a URL. */
  urlParams(): Promise<URLSearchParams> {
    return this.#run(this.#response.urlParams)
  }

  /** The bytes in a buffer of their own. */
  arrayBuffer(): Promise<ArrayBuffer> {
    return this.#run(this.#response.arrayBuffer)
  }

  /** What came after the body: there when that has been read to its end. */
  get trailers(): Readonly<Record<string, string>> {
    return this.#response.trailers
  }

  /** Writes the bytes to a file, which is made new. How many they were. */
  saveTo(path: string): Promise<number> {
    return this.#run(this.#response.saveTo(path))
  }

  /** The response, if it is `ok`. */
  async raiseForStatus(): Promise<this> {
    await this.#run(this.#response.raiseForStatus)
    return this
  }

  /** Lets go of the body. */
  discard(): Promise<void> {
    return this.#run(this.#response.discard)
  }
}
