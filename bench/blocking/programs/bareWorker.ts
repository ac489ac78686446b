/** A thread that loads nothing. */
import { workerData } from "node:worker_threads"
import { hold } from "./hold.ts"

const words: Int32Array = workerData
hold(words)
