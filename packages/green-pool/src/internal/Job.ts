/**
 * What waits for a worker: a task of a pool, or a request that is to be handled in one.
 */
import type { Lane } from "./JobQueue.ts"
import type { Slot } from "./Slot.ts"

export interface Job {
  /** Who comes first within one priority. This and the next three are the queue's. */
  order: number
  lane: Lane | undefined
  next: Job | undefined
  previous: Job | undefined
  /** Whose it is, in a pool where one may not have all the workers. */
  readonly key: unknown
  /** Where it runs. */
  readonly slot: Slot
  /** Starts it, in its slot, which it leaves when it has ended. */
  readonly start: () => void
  /** It will never start. */
  readonly drop: (why: "interrupted" | "outrun") => void
  /** Asks it to end, while it runs. */
  readonly interruptUnsafe: () => void
}
