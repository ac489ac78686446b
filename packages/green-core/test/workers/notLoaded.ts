/** A main thread that has not loaded green-core, and its worker, which waits for a descriptor. */
import { once } from "node:events"
import { createServer } from "node:net"
import { Worker } from "node:worker_threads"
import type { Told } from "./worker.ts"

// Something open that is never readable.
const server = createServer().listen(0)
await once(server, "listening")
const worker = new Worker(new URL("worker.ts", import.meta.url), {
  workerData: { mode: "once", ends: [0, 0] } satisfies Told
})
worker.on("message", (message) => console.log(JSON.stringify(message)))
await once(worker, "exit")
server.close()
