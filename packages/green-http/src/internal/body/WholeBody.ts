/**
 * A body whose bytes are all here: nobody waits for it, and it holds nothing.
 */
import { isReadonlyArrayNonEmpty, type NonEmptyReadonlyArray } from "effect/Array"
import * as Effect from "effect/Effect"
import type { RawHeaders, ResponseBody } from "../../HttpExchange.ts"

export class WholeBody implements ResponseBody {
  #rest: ReadonlyArray<Uint8Array>
  readonly #trailers: RawHeaders

  constructor(chunks: ReadonlyArray<Uint8Array>, trailers: RawHeaders) {
    this.#rest = chunks
    this.#trailers = trailers
  }

  take(): ReadonlyArray<Uint8Array> {
    const chunks = this.#rest
    this.#rest = []
    return chunks
  }

  get pull(): Effect.Effect<NonEmptyReadonlyArray<Uint8Array> | undefined> {
    return Effect.sync(() => {
      const chunks = this.take()
      return isReadonlyArrayNonEmpty(chunks) ? chunks : undefined
    })
  }

  get discard(): Effect.Effect<void> {
    return Effect.sync(() => {
      this.#rest = []
    })
  }

  get trailers(): () => RawHeaders {
    return () => this.#trailers
  }
}
