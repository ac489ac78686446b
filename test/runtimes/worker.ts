/**
 * Runs a program in a worker thread: `worker.ts <file> [<parameter> …]`. The main thread has loaded green-core,
 * and does nothing else.
 */
import { once } from "node:events"
import { Worker } from "node:worker_threads"

await import("green-core")

const [, , file = "", ...argv] = process.argv
const [code]: ReadonlyArray<number> = await once(new Worker(file, { argv }), "exit")
process.exitCode = code ?? 1
