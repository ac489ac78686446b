/**
 * The floor: a port, a word of shared memory, and a callback that sends back what came. `raw.ts modules` loads all that
 * ours loads, on both sides, and does not use it: what the heap costs that this takes.
 */
import { once } from "node:events"
import { MessageChannel, type MessagePort, Worker } from "node:worker_threads"
import { answer } from "./answer.ts"

export interface RawStart {
  readonly port: MessagePort
  readonly words: Int32Array
  /** What the thread loads first. */
  readonly modules: ReadonlyArray<string>
}

const at = (program: string): string => new URL(program, import.meta.url).href
const isLoaded = process.argv[2] === "modules"
if (isLoaded) await import(at("greenPool.mjs"))

const { port1, port2 } = new MessageChannel()
const words = new Int32Array(new SharedArrayBuffer(4))
const start: RawStart = { port: port2, words, modules: isLoaded ? [at("jobs.mjs")] : [] }
const worker = new Worker(new URL("rawWorker.mjs", import.meta.url), { workerData: start, transferList: [port2] })

port1.on("message", (message: unknown) => {
  port1.postMessage(message)
  Atomics.add(words, 0, 1)
  Atomics.notify(words, 0)
})

const run = async (work: "trips" | "large", operations: number): Promise<number> => {
  worker.postMessage({ work, operations })
  const [milliseconds]: ReadonlyArray<number> = await once(worker, "message")
  return milliseconds ?? Number.NaN
}

answer({ trips: (operations) => run("trips", operations), large: (operations) => run("large", operations) })
