/** The words that a test and a job share, as the job has them. It loads nothing. */

/** What each word is for. */
export const Word = { begun: 0, goOn: 1, finished: 2, count: 3 } as const

/** Sets a word, and wakes who waits for it. */
export const tell = (words: Int32Array, index: number, value = 1): void => {
  Atomics.store(words, index, value)
  Atomics.notify(words, index)
}
