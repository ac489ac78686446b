/**
 * What a worker thread is given when it starts.
 */
import type { MessagePort } from "node:worker_threads"

export interface Start {
  readonly port: MessagePort
  /** The shared words, at the indices of `Word`. */
  readonly words: Int32Array
}

/** The program of the thread. Sources and what was built of them differ in the extension only. */
export const entry = new URL(import.meta.url.endsWith(".ts") ? "./entry.ts" : "./entry.js", import.meta.url)
