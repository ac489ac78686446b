/** A thread of `echo.ts`: is told how many. */
import { parentPort } from "node:worker_threads"
import { key } from "./payloads.ts"

let left = 0

parentPort?.on("message", (message: unknown) => {
  if (typeof message === "number") left = message
  else left--
  parentPort?.postMessage(left > 0 ? { key } : "done")
})
