/**
 * What a body, or a part of one, may be made of, and how each is sent. Files and Blobs are read as they are sent, and
 * may be sent again.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as Fs from "node:fs/promises"
import { failure, HttpError } from "../../HttpError.ts"
import type { RequestBody } from "../../HttpExchange.ts"
import { exactly } from "./exactly.ts"

/** A stream, of Effect or of the platform: a `ReadableStream`, a Node stream, a generator. Text is sent in UTF-8. */
export type ContentStream = Stream.Stream<Uint8Array, unknown> | AsyncIterable<string | Uint8Array>

/** Text in UTF-8, bytes, a Blob, or a file by its path. */
export type KnownContent = string | Uint8Array | Blob | { readonly path: string }

/** Whose body it is. */
export interface Asked {
  readonly method: string
  readonly url: URL
}

/** The body; `length` is of a stream, which it is held to. Fails when there is no such file. */
export const toBody = (
  content: KnownContent | ContentStream,
  length: number | undefined,
  request: Asked
): Effect.Effect<RequestBody, HttpError> => {
  if (typeof content === "string") return Effect.succeed(utf8(content))
  if (content instanceof Uint8Array) return Effect.succeed(content)
  const fail = (cause: unknown) =>
    cause instanceof HttpError ? cause : failure(request, { _tag: "RequestBody", cause })
  if (content instanceof Blob) {
    const stream = Stream.fromReadableStream({ evaluate: () => content.stream(), onError: fail })
    return Effect.succeed({ stream, length: content.size, repeatable: true })
  }
  if (Stream.isStream(content)) return Effect.succeed(measured(Stream.mapError(content, fail), length, fail))
  if (Symbol.asyncIterator in content) {
    const stream = Stream.map(Stream.fromAsyncIterable(content, fail), (chunk) =>
      typeof chunk === "string" ? utf8(chunk) : chunk
    )
    return Effect.succeed(measured(stream, length, fail))
  }
  return file(content.path, fail)
}

export const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text)

const measured = (
  stream: Stream.Stream<Uint8Array, HttpError>,
  length: number | undefined,
  fail: (cause: unknown) => HttpError
): RequestBody => (length === undefined ? { stream } : { stream: exactly(stream, length, fail), length })

/** So many bytes of a file are read at a time. */
const pieceOfFile = 64 * 1024

const file = (path: string, fail: (cause: unknown) => HttpError): Effect.Effect<RequestBody, HttpError> => {
  const trying = <A>(work: () => Promise<A>) => Effect.tryPromise({ try: work, catch: fail })
  const opened = Effect.acquireRelease(
    trying(() => Fs.open(path)),
    (handle) => Effect.promise(() => handle.close())
  )
  const bytes = Stream.unwrap(
    Effect.map(opened, (handle) => {
      const read = trying(() => handle.read(Buffer.allocUnsafe(pieceOfFile), 0, pieceOfFile))
      const more = Effect.flatMap(read, ({ buffer, bytesRead }) =>
        bytesRead === 0 ? Cause.done() : Effect.succeed([buffer.subarray(0, bytesRead)] as const)
      )
      return Stream.fromPull(Effect.succeed(more))
    })
  )
  return Effect.flatMap(
    trying(() => Fs.stat(path)),
    (stats) =>
      stats.isFile()
        ? Effect.succeed({ ...measured(bytes, stats.size, fail), repeatable: true })
        : Effect.fail(fail(new Error(`${path} is no regular file`)))
  )
}
