/**
 * Lets the event loop turn once in so many chunks. Where both sides are at hand, promises alone would never let it: no
 * timer, and no interrupt, could end a transfer.
 */
import * as Effect from "effect/Effect"

const chunks = 64

export class Fairness {
  #left = chunks

  /** What to wait for after so many chunks, which mostly is nothing. */
  after(count: number): Effect.Effect<void> {
    this.#left -= count
    if (this.#left > 0) return Effect.void
    this.#left = chunks
    return nextTurn
  }
}

const nextTurn: Effect.Effect<void> = Effect.callback((resume) => {
  const immediate = setImmediate(() => resume(Effect.void))
  return Effect.sync(() => clearImmediate(immediate))
})
