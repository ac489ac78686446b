/**
 * Words of memory that a test and a job share: so a test knows where a job is, and lets it go on, without waiting for
 * some time to pass.
 */
import * as Effect from "effect/Effect"

export { tell, Word } from "./tell.ts"

export const makeWords = (): Int32Array<SharedArrayBuffer> =>
  new Int32Array(new SharedArrayBuffer(4 * Int32Array.BYTES_PER_ELEMENT))

/** Ends when the word is no longer below the value. */
export const reaches = (words: Int32Array, index: number, value = 1): Effect.Effect<void> =>
  Effect.promise(async () => {
    for (;;) {
      const found = Atomics.load(words, index)
      if (found >= value) return
      await Atomics.waitAsync(words, index, found).value
    }
  })

export const read = (words: Int32Array, index: number): number => Atomics.load(words, index)
