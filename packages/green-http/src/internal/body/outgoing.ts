/**
 * A stream as handlers send it. It keeps the length that it has told: it fails when it has more or fewer bytes, before the
 * other side knows. And one that never has to wait leaves time for others.
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { failure, type HttpError } from "../../HttpError.ts"
import type { ExchangeRequest, RequestBody } from "../../HttpExchange.ts"
import { Fairness } from "./Fairness.ts"

export const outgoing = (
  request: ExchangeRequest,
  { length, stream }: Exclude<RequestBody, Uint8Array>
): Stream.Stream<Uint8Array, HttpError> =>
  Stream.suspend(() => {
    const fairness = new Fairness()
    if (length === undefined)
      return Stream.mapArrayEffect(stream, (chunks) => Effect.as(fairness.after(chunks.length), chunks))
    let sent = 0
    const wrong = (has: string) =>
      Effect.fail(failure(request, { _tag: "RequestBody", cause: new Error(`it has ${has} bytes, not ${length}`) }))
    const counted = Stream.mapArrayEffect(stream, (chunks) => {
      for (const bytes of chunks) sent += bytes.byteLength
      return sent > length ? wrong(`at least ${sent}`) : Effect.as(fairness.after(chunks.length), chunks)
    })
    const end = Effect.suspend(() => (sent < length ? wrong(`only ${sent}`) : Effect.void))
    return Stream.concat(counted, Stream.drain(Stream.fromEffect(end)))
  })
