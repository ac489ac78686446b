/**
 * What is sent: the bodies that a session makes, with the header fields that describe them.
 */
import * as Effect from "effect/Effect"
import type * as SchemaIssue from "effect/SchemaIssue"
import { failure, type HttpError } from "../../HttpError.ts"
import type { RequestBody } from "../../HttpExchange.ts"
import * as Multipart from "../../Multipart.ts"
import type { Coding } from "./codings.ts"
import { compress } from "./compress.ts"
import { type Asked, type ContentStream, type KnownContent, toBody, utf8 } from "./contents.ts"
import { issueMessage } from "../issueMessage.ts"
import { EncodedValue } from "./EncodedValue.ts"

/**
 * The body of a request, as a session takes it: one of these, or none.
 */
export interface BodyOptions {
  /** Sent as JSON; what `GreenHttp.encoded` gives is checked and encoded by its Schema before. */
  readonly json?: unknown
  /** Sent as application/x-www-form-urlencoded. */
  readonly form?: Readonly<Record<string, string | ReadonlyArray<string>>> | URLSearchParams
  /** Sent as multipart/form-data: fields, and files, which are read as they are sent. */
  readonly multipart?: FormData | Iterable<Multipart.Part>
  /**
   * Sent as it is: text in UTF-8, bytes, a Blob, a file, which is opened as it is sent, or a stream, which is pulled as
   * fast as it can be sent.
   */
  readonly body?: KnownContent | ContentStream
  /** How many bytes a stream has, if that is known. A stream that has more or less fails. */
  readonly length?: number
}

export interface Encoded {
  readonly body: RequestBody | undefined
  /** The Content-Type, unless the caller has his own. */
  readonly type: string | undefined
  /** The Content-Encoding. */
  readonly coding?: Coding
}

export const none: Encoded = { body: undefined, type: undefined }

export const hasBody = ({ body, form, json, multipart }: BodyOptions): boolean =>
  json !== undefined || form !== undefined || multipart !== undefined || body !== undefined

/** The body, compressed if there is something to compress. JSON is made within the call. */
export const encode = (
  options: BodyOptions,
  request: Asked,
  coding: Coding | undefined
): Effect.Effect<Encoded, HttpError> => {
  const whole = plain(options, request)
  if (coding === undefined) return whole
  return Effect.flatMap(whole, (encoded) => {
    const { body } = encoded
    if (body === undefined || (body instanceof Uint8Array && body.byteLength === 0)) return Effect.succeed(encoded)
    return Effect.map(compress(body, coding, request), (compressed) => ({ ...encoded, body: compressed, coding }))
  })
}

const plain = (options: BodyOptions, request: Asked): Effect.Effect<Encoded, HttpError> => {
  const { body, form, json, length, multipart } = options
  if (json !== undefined) return encodeJson(json, request)
  if (form !== undefined) {
    const parameters = form instanceof URLSearchParams ? form : new URLSearchParams(pairs(form))
    return Effect.succeed({ body: utf8(parameters.toString()), type: "application/x-www-form-urlencoded" })
  }
  if (multipart !== undefined) return Multipart.encode(multipart, request)
  if (body === undefined) return Effect.succeed(none)
  return Effect.map(toBody(body, length, request), (encoded) => ({ body: encoded, type: typeOf(body) }))
}

const encodeJson = (json: unknown, request: Asked): Effect.Effect<Encoded, HttpError> => {
  if (!(json instanceof EncodedValue)) return jsonOf(json, request)
  const unfit = (cause: SchemaIssue.Issue) => {
    const words = new TypeError(issueMessage(cause), { cause })
    return failure(request, { _tag: "RequestBody", cause: words })
  }
  return Effect.flatMap(Effect.mapError(json.encoded, unfit), (value) => jsonOf(value, request))
}

const jsonOf = (value: unknown, request: Asked): Effect.Effect<Encoded, HttpError> => {
  try {
    const text: string | undefined = JSON.stringify(value)
    if (text === undefined) throw new TypeError(`${typeof value} has no JSON`)
    return Effect.succeed({ body: utf8(text), type: "application/json" })
  } catch (cause) {
    return Effect.fail(failure(request, { _tag: "RequestBody", cause }))
  }
}

const typeOf = (body: KnownContent | ContentStream): string | undefined => {
  if (typeof body === "string") return "text/plain;charset=UTF-8"
  return body instanceof Blob && body.type !== "" ? body.type : undefined
}

const pairs = (form: Readonly<Record<string, string | ReadonlyArray<string>>>): Array<[string, string]> =>
  Object.entries(form).flatMap(([name, value]) =>
    (typeof value === "string" ? [value] : value).map((one): [string, string] => [name, one])
  )
