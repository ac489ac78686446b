/**
 * A stream that is sent, as undici pulls it: an iterable, which it takes although its types do not say so. It is let go with
 * its exchange, which undici does not see to in every case.
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

  /** The exchange has ended: so has what was not sent. */
  ended(): void {
    this.#turn.ended()
    // Nobody is left to hear how it ends.
    this.#source.return?.().catch(() => {})
  }
}
