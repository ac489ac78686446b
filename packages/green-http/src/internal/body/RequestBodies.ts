/**
 * What is sent: the bodies that a session makes, with the header fields that describe them.
 */
import * as Stream from "effect/Stream"
import { failure, HttpError } from "../../HttpError.ts"
import type { RequestBody } from "../../HttpExchange.ts"

/**
 * The body of a request, as a session takes it: one of these, or none.
 */
export interface BodyOptions {
  /** Sent as JSON. */
  readonly json?: unknown
  /** Sent as application/x-www-form-urlencoded. */
  readonly form?: Readonly<Record<string, string | ReadonlyArray<string>>> | URLSearchParams
  /** Sent as multipart/form-data: fields, and files as Blobs, which are read as they are sent. */
  readonly multipart?: FormData
  /** Sent as it is: text in UTF-8, bytes, or a stream that is pulled as fast as it can be sent. */
  readonly body?: string | Uint8Array | Stream.Stream<Uint8Array, unknown>
  /** How many bytes a stream has, if that is known. */
  readonly length?: number
}

export interface Encoded {
  readonly body: RequestBody | undefined
  /** The Content-Type, unless the caller has his own. */
  readonly type: string | undefined
}

/** Throws what `JSON.stringify` throws. */
export const encode = (options: BodyOptions, request: { readonly method: string; readonly url: URL }): Encoded => {
  const { body, form, json, length, multipart } = options
  if (json !== undefined) return { body: utf8(JSON.stringify(json)), type: "application/json" }
  if (form !== undefined) {
    const parameters = form instanceof URLSearchParams ? form : new URLSearchParams(pairs(form))
    return { body: utf8(parameters.toString()), type: "application/x-www-form-urlencoded" }
  }
  if (multipart !== undefined) return encodeMultipart(multipart, request)
  if (body === undefined) return none
  if (typeof body === "string") return { body: utf8(body), type: "text/plain;charset=UTF-8" }
  if (body instanceof Uint8Array) return { body, type: undefined }
  const stream = Stream.mapError(body, (cause) =>
    cause instanceof HttpError ? cause : failure(request, { _tag: "RequestBody", cause })
  )
  return { body: length === undefined ? { stream } : { stream, length }, type: undefined }
}

const none: Encoded = { body: undefined, type: undefined }

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text)

const pairs = (form: Readonly<Record<string, string | ReadonlyArray<string>>>): Array<[string, string]> =>
  Object.entries(form).flatMap(([name, value]) =>
    (typeof value === "string" ? [value] : value).map((one): [string, string] => [name, one])
  )

/** By the platform: boundaries, names and lengths are its matter. The Blobs are read as the stream is pulled. */
const encodeMultipart = (form: FormData, request: { readonly method: string; readonly url: URL }): Encoded => {
  const response = new Response(form)
  const source = response.body
  if (source === null) return none
  return {
    type: response.headers.get("content-type") ?? undefined,
    body: {
      stream: Stream.fromReadableStream({
        evaluate: () => source,
        onError: (cause) => failure(request, { _tag: "RequestBody", cause })
      })
    }
  }
}
