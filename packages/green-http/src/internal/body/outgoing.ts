/**
 * A stream as handlers send it. It keeps the length that it has told, so that it fails before the other side knows; and one
 * that never has to wait leaves time for others.
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { failure, type HttpError } from "../../HttpError.ts"
import type { ExchangeRequest, RequestBody } from "../../HttpExchange.ts"
import { exactly } from "./exactly.ts"
import { Fairness } from "./Fairness.ts"

export const outgoing = (
  request: ExchangeRequest,
  { length, stream }: Exclude<RequestBody, Uint8Array>
): Stream.Stream<Uint8Array, HttpError> =>
  Stream.suspend(() => {
    const fairness = new Fairness()
    const fair = Stream.mapArrayEffect(stream, (chunks) => Effect.as(fairness.after(chunks.length), chunks))
    return length === undefined
      ? fair
      : exactly(fair, length, (cause) => failure(request, { _tag: "RequestBody", cause }))
  })
