/** Jobs that import nothing. */
import { hold as holdThread } from "./hold.ts"

export const nothing = (): void => {}

export const compute = (milliseconds: number): number => {
  const end = performance.now() + milliseconds
  let turns = 0
  while (performance.now() < end) turns++
  return turns
}

export const hold = (words: Int32Array): void => holdThread(words)
