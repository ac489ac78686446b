/** Says that the thread is there, and keeps it until it is ended. */
export const hold = (words: Int32Array): void => {
  Atomics.store(words, 0, 1)
  Atomics.notify(words, 0)
  Atomics.wait(words, 1, 0)
}
