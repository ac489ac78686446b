/**
 * A stream that has as many bytes as it was said to have: it fails rather than give more, or end before.
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { HttpError } from "../../HttpError.ts"

export const exactly = (
  stream: Stream.Stream<Uint8Array, HttpError>,
  length: number,
  fail: (cause: Error) => HttpError
): Stream.Stream<Uint8Array, HttpError> =>
  Stream.suspend(() => {
    let given = 0
    const wrong = (problem: string) => Effect.fail(fail(new Error(`the stream ${problem} than its length, ${length}`)))
    const counted = Stream.mapArrayEffect(stream, (chunks) => {
      for (const { byteLength } of chunks) given += byteLength
      return given > length ? wrong("has more bytes") : Effect.succeed(chunks)
    })
    const end = Effect.suspend(() => (given < length ? wrong(`ended after ${given} bytes, less`) : Effect.void))
    return Stream.concat(counted, Stream.drain(Stream.fromEffect(end)))
  })
