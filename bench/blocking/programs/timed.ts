/** Repeats, and tells how long all of it took, in milliseconds. */
export const timed = (times: number, f: () => unknown): number => {
  const start = performance.now()
  for (let time = 0; time < times; time++) f()
  return performance.now() - start
}
