/**
 * What a worker thread and the main thread say to each other about a set that is to be watched.
 */
import { hasProperty } from "effect/Predicate"
import type { MessagePort } from "node:worker_threads"
import type * as Fd from "../Fd.ts"

/** What the worker asks of the main thread: to open a set for it, to watch that, and to close it in the end. */
export interface WatchSet {
  readonly "green-core/watch": 2
  /** Where it is told; its other end closes with the worker. */
  readonly port: MessagePort
  /** The number of its thread, where the port does not close. */
  readonly thread: number | undefined
}

export const isWatchSet = (message: unknown): message is WatchSet =>
  hasProperty(message, "green-core/watch") && message["green-core/watch"] === 2

/**
 * What the main thread says: first the descriptor of the set, or that it cannot be watched; then, each time, that the set
 * has something.
 */
export type FromMain = { readonly set: number } | Fd.FdErrorReason | typeof doorbell

export const doorbell = 0
