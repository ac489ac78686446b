/**
 * What a worker thread and the main thread say to each other about a set that is to be watched.
 */
import type { MessagePort } from "node:worker_threads"
import type * as Fd from "../Fd.ts"

/** What the worker asks of the main thread. The set is the main thread's from then on: it closes it. */
export interface WatchSet {
  readonly "green-core/watch": 1
  /** The descriptor of the set. */
  readonly set: number
  /** Where it is told; its other end closes with the worker. */
  readonly port: MessagePort
}

export const isWatchSet = (message: unknown): message is WatchSet =>
  typeof message === "object" && message !== null && "green-core/watch" in message

/** What the main thread says: that the set has something, or that it cannot be watched. */
export type FromMain = typeof doorbell | Fd.FdErrorReason

export const doorbell = 0
