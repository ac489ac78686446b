/**
 * A stream that is sent, as undici pulls it: an iterable, which it takes although its types do not say so.
 *
 * Not a Readable of Node: one that undici pipes into an HTTP/2 stream is lost when the exchange is aborted, and with it the
 * reset, or the whole process, which then sends empty frames for ever.
 */
import * as Stream from "effect/Stream"
import type { HttpError } from "../../HttpError.ts"
import type { Turn } from "./Turns.ts"

export class Upload implements AsyncIterable<Uint8Array> {
  readonly #source: AsyncIterator<Uint8Array>
  readonly #turn: Turn

  /** `turn` is that of its exchange, whose end is its own. */
  constructor(stream: Stream.Stream<Uint8Array, HttpError>, turn: Turn) {
    this.#source = Stream.toAsyncIterable(stream)[Symbol.asyncIterator]()
    this.#turn = turn
  }

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    return this.#source
  }

  /** The exchange has ended. Lets go of what has not been sent: undici does not, when it has no use for it any more. */
  ended(): void {
    this.#turn.ended()
    // Nobody is left to hear how it ends.
    this.#source.return?.().catch(() => {})
  }
}
