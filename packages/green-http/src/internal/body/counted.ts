/**
 * Bodies that are counted as they go by, and tell a `Progress`.
 */
import type { NonEmptyReadonlyArray } from "effect/Array"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { HttpError } from "../../HttpError.ts"
import type { ExchangeRequest, ExchangeResponse, RequestBody, ResponseBody } from "../../HttpExchange.ts"
import * as Headers from "../../HttpHeaders.ts"
import type { Progress } from "../../Progress.ts"

/** Bytes are sent in pieces of so many, or there would be nothing between none and all. */
const piece = 64 * 1024

/** What is sent, counted from the start each time. */
export const countSent = (body: RequestBody, progress: Progress): RequestBody => {
  const whole: Exclude<RequestBody, Uint8Array> =
    body instanceof Uint8Array
      ? { stream: inPieces(body), length: body.byteLength, repeatable: true, bytes: body }
      : body
  const total = whole.length
  const stream = Stream.suspend(() => {
    let bytes = 0
    progress.report({ direction: "upload", bytes, total })
    return Stream.map(whole.stream, (chunk) => {
      bytes += chunk.byteLength
      progress.report({ direction: "upload", bytes, total })
      return chunk
    })
  })
  return { ...whole, stream }
}

const inPieces = (bytes: Uint8Array): Stream.Stream<Uint8Array> => {
  const pieces = Math.ceil(bytes.byteLength / piece)
  const each = Array.from({ length: pieces }, (_, index) => bytes.subarray(index * piece, (index + 1) * piece))
  return Stream.fromIterable(each, { chunkSize: 1 })
}

/** What is received. A response that has no body is over at once. */
export const countReceived = (
  { method }: ExchangeRequest,
  { body, headers, status }: ExchangeResponse,
  progress: Progress
): ResponseBody => {
  const length = Headers.get(headers, "content-length")
  const isBare = method === "HEAD" || status === 204 || status === 304
  const total = isBare ? 0 : length === undefined || !/^\d+$/.test(length) ? undefined : Number(length)
  return new Counted(body, total, progress)
}

class Counted implements ResponseBody {
  readonly #body: ResponseBody
  readonly #total: number | undefined
  readonly #progress: Progress
  #bytes = 0

  constructor(body: ResponseBody, total: number | undefined, progress: Progress) {
    this.#body = body
    this.#total = total
    this.#progress = progress
    this.#report()
    if (total === 0) progress.end()
  }

  get trailers() {
    return this.#body.trailers
  }

  get discard(): Effect.Effect<void> {
    return Effect.andThen(this.#end, this.#body.discard)
  }

  get pull(): Effect.Effect<NonEmptyReadonlyArray<Uint8Array> | undefined, HttpError> {
    const counted = Effect.map(this.#body.pull, (chunks) => {
      if (chunks === undefined) this.#progress.end()
      else {
        for (const { byteLength } of chunks) this.#bytes += byteLength
        this.#report()
      }
      return chunks
    })
    return Effect.tapError(counted, () => this.#end)
  }

  readonly #end: Effect.Effect<void> = Effect.sync(() => this.#progress.end())

  #report(): void {
    this.#progress.report({ direction: "download", bytes: this.#bytes, total: this.#total })
  }
}
