/**
 * Bodies with a Content-Encoding of ours, by Node's zlib, off the thread of the event loop. Bytes stay bytes; a stream is
 * compressed as it is pulled, and what that was to be long is not known.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Pull from "effect/Pull"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { failure, type HttpError } from "../../HttpError.ts"
import type { RequestBody } from "../../HttpExchange.ts"
import { type Coding, encoder } from "./codings.ts"
import type { Asked } from "./contents.ts"
import { Transformed } from "./Transformed.ts"

/** The body, encoded. */
export const compress = (body: RequestBody, coding: Coding, request: Asked): Effect.Effect<RequestBody, HttpError> => {
  if (body instanceof Uint8Array) {
    const whole = Stream.runCollect(compressed(Stream.make(body), coding, request))
    return Effect.map(whole, (chunks) => Buffer.concat(chunks))
  }
  const { length: _, stream, ...rest } = body
  return Effect.succeed({ ...rest, stream: compressed(stream, coding, request) })
}

const compressed = (
  stream: Stream.Stream<Uint8Array, HttpError>,
  coding: Coding,
  request: Asked
): Stream.Stream<Uint8Array, HttpError> =>
  Stream.transformPull(stream, (pull, scope) => {
    const source = {
      pull: Pull.catchDone(pull, () => Effect.succeed(undefined)),
      discard: Effect.void,
      trailers: () => []
    }
    const fail = (cause: Error) => failure(request, { _tag: "RequestBody", cause })
    const transformed = new Transformed(source, encoder(coding), fail)
    const encoded = Effect.flatMap(transformed.pull, (chunks) =>
      chunks === undefined ? Cause.done() : Effect.succeed(chunks)
    )
    return Effect.as(Scope.addFinalizer(scope, transformed.discard), encoded)
  })
