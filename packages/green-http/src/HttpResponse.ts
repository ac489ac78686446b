/**
 * A response of a session: its head, and its body to be read once, in one of several ways.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type * as Schema from "effect/Schema"
import * as SchemaParser from "effect/SchemaParser"
import * as Stream from "effect/Stream"
import { createWriteStream } from "node:fs"
import { pipeline } from "node:stream/promises"
import { Cookie } from "tough-cookie"
import { failure, HttpError, type HttpErrorReason } from "./HttpError.ts"
import {
  type ExchangeRequest,
  type ExchangeResponse,
  type RawHeaders,
  type ResponseBody,
  toStream
} from "./HttpExchange.ts"
import * as Headers from "./HttpHeaders.ts"
import { issueMessage } from "./internal/issueMessage.ts"
import { messageOf } from "./internal/messageOf.ts"
import { type Link, parse } from "./Links.ts"

/**
 * The head of a response.
 *
 * @category models
 * @since 0.1.0
 */
export interface ResponseHead {
  readonly status: number
  readonly statusText: string
  /** Whether the status is from 200 to 299. */
  readonly ok: boolean
  /** Of the request that this is the response to: the last one of a chain of redirects. */
  readonly url: string
  readonly method: string
  /** By name in lower case, several values joined by `", "`. */
  readonly headers: Readonly<Record<string, string>>
  /** As they came. */
  readonly rawHeaders: RawHeaders
  /** Those that this response sets. */
  readonly cookies: ReadonlyArray<Cookie>
  readonly links: ReadonlyArray<Link>
  /** Milliseconds from the start of the exchange until the head was here. */
  readonly elapsed: number
}

/**
 * A response. The body is read once: as one of `text`, `json`, `bytes`, which may then be asked for again, or as
 * `stream`; what is read after the stream fails with the reason `Consumed`.
 *
 * A body that nobody reads, and that is not here to its end, is discarded when the fiber that has asked fails or is
 * interrupted, when the response is garbage, and when the session ends. Whoever reads it then fails with the reason
 * `Discarded`.
 *
 * @category models
 * @since 0.1.0
 */
export interface HttpResponse extends ResponseHead {
  /** Whether the body was compressed and is not any more: Content-Encoding and Content-Length are of what came. */
  readonly decoded: boolean
  /** The redirects that led here, in order. Their bodies are discarded. */
  readonly history: ReadonlyArray<ResponseHead>
  /** The bytes, at most `maxBytes` of them. Fails `TooLarge`. */
  readonly bytes: Effect.Effect<Uint8Array, HttpError>
  /** The text, by the charset of the Content-Type, or by its byte order mark, or UTF-8. */
  readonly text: Effect.Effect<string, HttpError>
  /** The value of the JSON text. An empty body is no JSON. */
  readonly json: Effect.Effect<unknown, HttpError>
  /** The form of the body, urlencoded or multipart as its Content-Type says, read by the platform. */
  readonly formData: Effect.Effect<FormData, HttpError>
  /** The parameters of the body, as of the query of a URL. */
  readonly urlParams: Effect.Effect<URLSearchParams, HttpError>
  /** The bytes in a buffer of their own. */
  readonly arrayBuffer: Effect.Effect<ArrayBuffer, HttpError>
  /** What came after the body, by name in lower case: there when that has been read to its end. */
  readonly trailers: Readonly<Record<string, string>>
  /** The same as `json`, decoded by a Schema. */
  readonly decode: <S extends Schema.Constraint>(
    schema: S
  ) => Effect.Effect<S["Type"], HttpError, S["DecodingServices"]>
  /** The bytes as they come; in one piece when they have been read already. */
  readonly stream: Stream.Stream<Uint8Array, HttpError>
  /** Writes the bytes to a file, which is made new. How many they were. */
  readonly saveTo: (path: string) => Effect.Effect<number, HttpError>
  /** The response, or an `HttpError` with the reason `Status` if it is not `ok`. */
  readonly raiseForStatus: Effect.Effect<HttpResponse, HttpError>
  /** Lets go of the body. */
  readonly discard: Effect.Effect<void>
}

export class Head implements ResponseHead {
  readonly status: number
  readonly statusText: string
  readonly elapsed: number
  readonly #request: ExchangeRequest
  readonly #response: ExchangeResponse
  #headers: Readonly<Record<string, string>> | undefined

  constructor(request: ExchangeRequest, response: ExchangeResponse, elapsed: number) {
    this.status = response.status
    this.statusText = response.statusText
    this.elapsed = elapsed
    this.#request = request
    this.#response = response
  }

  get rawHeaders(): RawHeaders {
    return this.#response.headers
  }

  get ok(): boolean {
    return this.status >= 200 && this.status <= 299
  }

  get url(): string {
    return this.#request.url.href
  }

  get method(): string {
    return this.#request.method
  }

  get headers(): Readonly<Record<string, string>> {
    return (this.#headers ??= Headers.toRecord(this.rawHeaders))
  }

  get cookies(): ReadonlyArray<Cookie> {
    return Headers.getAll(this.rawHeaders, "set-cookie").flatMap((line) => Cookie.parse(line) ?? [])
  }

  get links(): ReadonlyArray<Link> {
    return parse(this.rawHeaders, this.#request.url)
  }
}

export interface ResponseOptions {
  readonly request: ExchangeRequest
  readonly response: ExchangeResponse
  readonly body: ResponseBody
  readonly decoded: boolean
  readonly history: ReadonlyArray<ResponseHead>
  readonly elapsed: number
  readonly maxBytes: number
}

export class Received extends Head implements HttpResponse {
  readonly history: ReadonlyArray<ResponseHead>
  readonly decoded: boolean
  readonly #body: ResponseBody
  readonly #maxBytes: number
  readonly #at: { readonly method: string; readonly url: URL }
  #bytes: Effect.Effect<Uint8Array, HttpError> | undefined
  #streamed = false

  constructor({ body, decoded, elapsed, history, maxBytes, request, response }: ResponseOptions) {
    super(request, response, elapsed)
    this.history = history
    this.decoded = decoded
    this.#body = body
    this.#maxBytes = maxBytes
    this.#at = request
  }

  get bytes(): Effect.Effect<Uint8Array, HttpError> {
    return Effect.suspend(() => {
      if (this.#bytes !== undefined) return this.#bytes
      if (this.#streamed) return Effect.fail(this.#fail({ _tag: "Consumed" }))
      const taken = this.#body.take?.()
      if (taken !== undefined) return (this.#bytes = this.#join(taken, sizeOf(taken)))
      return (this.#bytes = Effect.tap(this.#collect(), (bytes) =>
        Effect.sync(() => {
          this.#bytes = Effect.succeed(bytes)
        })
      ))
    })
  }

  get text(): Effect.Effect<string, HttpError> {
    return Effect.flatMap(this.bytes, (bytes) => {
      const label = charsetOf(bytes, Headers.get(this.rawHeaders, "content-type"))
      if (label === "utf-8") return Effect.succeed(utf8.decode(bytes))
      return this.#attempt(`as ${label}`, () => new TextDecoder(label).decode(bytes))
    })
  }

  get json(): Effect.Effect<unknown, HttpError> {
    return Effect.flatMap(this.text, (text) => this.#attempt("as JSON", (): unknown => JSON.parse(text)))
  }

  get formData(): Effect.Effect<FormData, HttpError> {
    return Effect.flatMap(this.bytes, (bytes) =>
      Effect.tryPromise({
        try: () =>
          new Response(new Uint8Array(bytes), {
            headers: { "content-type": this.headers["content-type"] ?? "" }
          }).formData(),
        catch: (cause) => this.#fail({ _tag: "Decode", problem: `as a form: ${messageOf(cause)}`, cause })
      })
    )
  }

  get urlParams(): Effect.Effect<URLSearchParams, HttpError> {
    return Effect.map(this.text, (text) => new URLSearchParams(text))
  }

  get arrayBuffer(): Effect.Effect<ArrayBuffer, HttpError> {
    return Effect.map(this.bytes, (bytes) => new Uint8Array(bytes).buffer)
  }

  get trailers(): Readonly<Record<string, string>> {
    return Headers.toRecord(this.#body.trailers())
  }

  decode<S extends Schema.Constraint>(schema: S): Effect.Effect<S["Type"], HttpError, S["DecodingServices"]> {
    const decode = SchemaParser.decodeUnknownEffect(schema)
    return Effect.flatMap(this.json, (value) =>
      Effect.mapError(decode(value), (cause) => this.#fail({ _tag: "Decode", problem: issueMessage(cause), cause }))
    )
  }

  get stream(): Stream.Stream<Uint8Array, HttpError> {
    return Stream.suspend(() => {
      if (this.#bytes !== undefined) return Stream.fromEffect(this.#bytes)
      if (this.#streamed) return Stream.fail(this.#fail({ _tag: "Consumed" }))
      this.#streamed = true
      return toStream(this.#body)
    })
  }

  saveTo(path: string): Effect.Effect<number, HttpError> {
    return Effect.suspend(() => {
      let written = 0
      const counted = Stream.map(this.stream, (bytes) => {
        written += bytes.byteLength
        return bytes
      })
      const writing = Effect.tryPromise({
        try: (signal) => pipeline(Stream.toAsyncIterable(counted), createWriteStream(path), { signal }),
        catch: (cause) =>
          cause instanceof HttpError
            ? cause
            : this.#fail({ _tag: "Decode", problem: `it could not be written to ${path}: ${String(cause)}`, cause })
      })
      return Effect.map(writing, () => written)
    })
  }

  get raiseForStatus(): Effect.Effect<HttpResponse, HttpError> {
    return Effect.suspend(() =>
      this.ok
        ? Effect.succeed(this)
        : Effect.andThen(this.discard, Effect.fail(this.#fail({ _tag: "Status", status: this.status })))
    )
  }

  get discard(): Effect.Effect<void> {
    return this.#body.discard
  }

  #collect(): Effect.Effect<Uint8Array, HttpError> {
    const chunks: Array<Uint8Array> = []
    let size = 0
    const more: Effect.Effect<Uint8Array, HttpError> = Effect.flatMap(this.#body.pull, (pulled) => {
      if (pulled === undefined) return this.#join(chunks, size)
      chunks.push(...pulled)
      size += sizeOf(pulled)
      return size > this.#maxBytes ? Effect.andThen(this.discard, this.#join(chunks, size)) : more
    })
    return Effect.onInterrupt(more, () => this.discard)
  }

  #join(chunks: ReadonlyArray<Uint8Array>, size: number): Effect.Effect<Uint8Array, HttpError> {
    if (size > this.#maxBytes) return Effect.fail(this.#fail({ _tag: "TooLarge", limit: this.#maxBytes }))
    const [first] = chunks
    return Effect.succeed(chunks.length === 1 && first !== undefined ? first : Buffer.concat(chunks, size))
  }

  #attempt<A>(how: string, read: () => A): Effect.Effect<A, HttpError> {
    return Effect.try({
      try: read,
      catch: (cause) => {
        const problem = `${how}: ${messageOf(cause)}`
        return this.#fail({ _tag: "Decode", problem, cause })
      }
    })
  }

  #fail(reason: HttpErrorReason): HttpError {
    return failure(this.#at, reason)
  }
}

const utf8 = new TextDecoder()

const sizeOf = (chunks: ReadonlyArray<Uint8Array>): number => {
  let size = 0
  for (const chunk of chunks) size += chunk.byteLength
  return size
}

/** The byte order mark says it for sure; then the header. */
const charsetOf = (bytes: Uint8Array, type: string | undefined): string => {
  const [first, second, third] = bytes
  if (first === 0xef && second === 0xbb && third === 0xbf) return "utf-8"
  if (first === 0xfe && second === 0xff) return "utf-16be"
  if (first === 0xff && second === 0xfe) return "utf-16le"
  return /;\s*charset\s*=\s*"?([^\s;"]+)/i.exec(type ?? "")?.[1]?.toLowerCase() ?? "utf-8"
}
