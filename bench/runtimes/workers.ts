/** Worker threads for measures, and how they are told what to do. */
import { once } from "node:events"
import { Worker } from "node:worker_threads"
import type { Told } from "./worker.ts"

export const startWorker = (): Worker => new Worker(new URL("worker.ts", import.meta.url))

/** Tells it, and is over when it has done so. */
export const tell = async (worker: Worker, told: Told): Promise<void> => {
  const done = once(worker, "message")
  worker.postMessage(told)
  await done
}
