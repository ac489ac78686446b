/**
 * What waits for a worker and runs in it: a task of a pool, or a request that is to be handled in one.
 *
 * A job is its own greenlet, so whoever runs below it finds it by walking up the greenlets.
 */
import type { Greenlet } from "green-core"
import type { Lane } from "./JobQueue.ts"
import type { Nest } from "./Nest.ts"
import type { Workers } from "./Workers.ts"

export interface Job extends Greenlet.Greenlet {
  /** Who comes first within one priority. This and the next three are the queue's. */
  order: number
  lane: Lane | undefined
  next: Job | undefined
  previous: Job | undefined
  /** What runs in it, and what it runs in. */
  nest: Nest | undefined
  readonly workers: Workers
  /** Whose it is, in a pool where one may not have all the workers. */
  readonly key: unknown
  /** Starts it. When it has ended, it leaves. */
  readonly start: () => void
  /** It will never start. */
  readonly drop: (why: "interrupted" | "outrun") => void
  /** Asks it to end, while it runs. */
  readonly interruptUnsafe: () => void
}
