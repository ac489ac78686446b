/**
 * A body that keeps the length that it has told: it fails when it has more or fewer bytes, before the other side knows.
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { failure, type HttpError } from "../../HttpError.ts"
import type { ExchangeRequest, RequestBody } from "../../HttpExchange.ts"

export const exactly = (
  request: ExchangeRequest,
  { length, stream }: Exclude<RequestBody, Uint8Array>
): Stream.Stream<Uint8Array, HttpError> => {
  if (length === undefined) return stream
  return Stream.suspend(() => {
    let sent = 0
    const wrong = (has: string) =>
      Effect.fail(failure(request, { _tag: "RequestBody", cause: new Error(`it has ${has} bytes, not ${length}`) }))
    const counted = Stream.tap(stream, (bytes) => {
      sent += bytes.byteLength
      return sent > length ? wrong(`at least ${sent}`) : Effect.void
    })
    const end = Effect.suspend(() => (sent < length ? wrong(`only ${sent}`) : Effect.void))
    return Stream.concat(counted, Stream.drain(Stream.fromEffect(end)))
  })
}
