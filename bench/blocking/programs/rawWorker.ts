/** The thread of `raw.ts`: sends, sleeps, and takes what is there. */
import { parentPort, receiveMessageOnPort, workerData } from "node:worker_threads"
import { key, megabyte } from "./payloads.ts"
import type { RawStart } from "./raw.ts"
import { timed } from "./timed.ts"

const { modules, port, words }: RawStart = workerData
for (const module of modules) await import(module)

const ask = (payload: unknown): unknown => {
  const seen = Atomics.load(words, 0)
  port.postMessage(payload)
  Atomics.wait(words, 0, seen)
  return receiveMessageOnPort(port)
}

const bytes = megabyte()
const works = { trips: () => ask({ key }), large: () => ask(bytes) }

parentPort?.on("message", ({ operations, work }: { readonly operations: number; readonly work: "trips" | "large" }) =>
  parentPort?.postMessage(timed(operations, works[work]))
)
