/**
 * Bodies of several parts, multipart/form-data (RFC 7578): fields and files, each sent as it is read.
 *
 * Names are escaped as the Fetch standard's `FormData` is, so what browsers are understood by understands this. That
 * leaves percent signs alone: a name that has `%22`, `%0D` or `%0A` itself is read as having the character.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { randomBytes } from "node:crypto"
import { basename } from "node:path"
import { failure, type HttpError } from "./HttpError.ts"
import type { RequestBody } from "./HttpExchange.ts"
import * as Headers from "./HttpHeaders.ts"
import { type Asked, type ContentStream, type KnownContent, toBody, utf8 } from "./internal/body/contents.ts"

export type { ContentStream, KnownContent } from "./internal/body/contents.ts"

/**
 * What every part has. Its name and filename may have any character.
 *
 * @category models
 * @since 0.1.0
 */
export interface PartHead {
  readonly name: string
  /** Makes the part a file. A `File` and a path have a name of their own unless said. */
  readonly filename?: string
  /** The Content-Type: that of a Blob unless said; of another file `application/octet-stream`, or `text/plain` of text. */
  readonly type?: string
  /** Further header fields of the part. Content-Disposition is not among them. */
  readonly headers?: Headers.HeadersInput
}

/**
 * One part. A file is opened as it is sent, and closed when it was or when the request is interrupted; if it is not there,
 * the request fails before anything is sent. Without a `length` of its streams the body is sent in chunks.
 *
 * @category models
 * @since 0.1.0
 */
export type Part =
  | (PartHead & { readonly content: KnownContent; readonly length?: never })
  | (PartHead & { readonly content: ContentStream; readonly length?: number })

/**
 * The body of the parts, and its Content-Type. It may be sent again unless a part is a stream. Sessions call it.
 *
 * Fails with the reason `RequestBody` when a file is not there, and `InvalidRequest` when a header cannot be sent.
 *
 * @category constructors
 * @since 0.1.0
 */
export const encode = (
  parts: FormData | Iterable<Part>,
  request: Asked
): Effect.Effect<{ readonly body: RequestBody; readonly type: string }, HttpError> => {
  const boundary = `green-${randomBytes(16).toString("hex")}`
  const all = [...(parts instanceof FormData ? ofForm(parts) : parts)]
  const encoded = Effect.forEach(all, (part) =>
    Effect.flatMap(headOf(part, boundary, request), (head) =>
      Effect.map(toBody(part.content, part.length, request), (body) => [head, body, lineBreak])
    )
  )
  return Effect.map(encoded, (pieces) => ({
    body: joined([...pieces.flat(), utf8(`--${boundary}--\r\n`)]),
    type: `multipart/form-data; boundary=${boundary}`
  }))
}

const lineBreak = utf8("\r\n")

/** As the Fetch standard sends a form: lines of names and of fields end with CR LF. */
function* ofForm(form: FormData): Generator<Part> {
  for (const [name, value] of form) {
    yield { name: withLines(name), content: typeof value === "string" ? withLines(value) : value }
  }
}

const withLines = (text: string): string => text.replace(/\r\n|\r|\n/g, "\r\n")

const headOf = (part: Part, boundary: string, request: Asked): Effect.Effect<Uint8Array, HttpError> => {
  const filename = part.filename ?? ownName(part.content)
  const own = Headers.toRaw(part.headers)
  const type =
    part.type ?? (Headers.get(own, "content-type") === undefined ? typeOf(part.content, filename) : undefined)
  const fields = type === undefined ? own : ["Content-Type", type, ...Headers.without(own, "content-type")]
  const problem =
    Headers.get(own, "content-disposition") === undefined
      ? Headers.problem(fields)
      : "its Content-Disposition is made of its name and filename"
  if (problem !== undefined) {
    const whose = `the part ${JSON.stringify(part.name)}: ${problem}`
    return Effect.fail(failure(request, { _tag: "InvalidRequest", problem: whose }))
  }
  const file = filename === undefined ? "" : `; filename="${escaped(filename)}"`
  const lines = [
    `--${boundary}`,
    `Content-Disposition: form-data; name="${escaped(part.name)}"${file}`,
    ...Headers.toPairs(fields).map(([name, value]) => `${name}: ${value}`)
  ]
  return Effect.succeed(utf8(`${lines.join("\r\n")}\r\n\r\n`))
}

/** A quote or a line break would end the name (HTML, "multipart/form-data encoding algorithm"). */
const escaped = (name: string): string =>
  name.replace(/["\r\n]/g, (each) => (each === '"' ? "%22" : each === "\r" ? "%0D" : "%0A"))

const ownName = (content: Part["content"]): string | undefined => {
  if (content instanceof File) return content.name
  if (content instanceof Blob) return "blob"
  return typeof content === "object" && "path" in content && !isStream(content) ? basename(content.path) : undefined
}

/** A Node stream of a file has a path as well. */
const isStream = (content: object): content is AsyncIterable<string | Uint8Array> => Symbol.asyncIterator in content

const typeOf = (content: Part["content"], filename: string | undefined): string | undefined => {
  if (content instanceof Blob && content.type !== "") return content.type
  if (filename === undefined) return undefined
  return typeof content === "string" ? "text/plain;charset=UTF-8" : "application/octet-stream"
}

/** One after the other: bytes if all are bytes, otherwise a stream. */
const joined = (pieces: ReadonlyArray<RequestBody>): RequestBody => {
  const bytes = pieces.filter((piece) => piece instanceof Uint8Array)
  if (bytes.length === pieces.length) return Buffer.concat(bytes)
  let length: number | undefined = 0
  let repeatable = true
  for (const piece of pieces) {
    const its = piece instanceof Uint8Array ? piece.byteLength : piece.length
    length = its === undefined || length === undefined ? undefined : length + its
    repeatable &&= piece instanceof Uint8Array || piece.repeatable === true
  }
  const stream = Stream.flatMap(Stream.fromIterable(pieces), (piece) =>
    piece instanceof Uint8Array ? Stream.make(piece) : piece.stream
  )
  return { stream, repeatable, ...(length === undefined ? {} : { length }) }
}
