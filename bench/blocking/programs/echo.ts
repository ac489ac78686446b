/** Threads that do not block: each sends a message when the one before is answered. `echo.ts <threads>` */
import { once } from "node:events"
import { Worker } from "node:worker_threads"
import { answer } from "./answer.ts"

const workers = Array.from(
  { length: Number(process.argv[2]) },
  () => new Worker(new URL("echoWorker.mjs", import.meta.url))
)

for (const worker of workers) {
  worker.on("message", (message: unknown) => {
    if (message !== "done") worker.postMessage(message)
    else worker.emit("done")
  })
}

answer({
  crowd: async (operations) => {
    const done = workers.map((worker) => once(worker, "done"))
    for (const worker of workers) worker.postMessage(operations / workers.length)
    await Promise.all(done)
  }
})
