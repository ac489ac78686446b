/** A thread that loads what the operations are made of, and nothing of this package. */
import { workerData } from "node:worker_threads"
import { hold } from "./hold.ts"
import { Operations } from "./operations.ts"

if (Operations.requests.size === 0) throw new Error("there are no operations")
const words: Int32Array = workerData
hold(words)
