/**
 * What threads cost: `threads.ts <kind> <count>` starts them one after another, each of which is kept, and prints the
 * megabytes and the milliseconds of one.
 */
import * as Effect from "effect/Effect"
import { readFileSync } from "node:fs"
import { Worker } from "node:worker_threads"
import * as Pool from "./greenPool.ts"

export interface ThreadCost {
  /** Growth of the proportional set size, in megabytes. */
  readonly memory: number
  /** From the request to the first statement of the job, the median, in milliseconds. */
  readonly start: number
}

const [, , kind = "", count = ""] = process.argv
const threads = Number(count)

/** The proportional set size in megabytes. */
const size = (): number => {
  globalThis.gc?.()
  const kilobytes = /^Pss: +(\d+)/m.exec(readFileSync("/proc/self/smaps_rollup", "utf8"))?.[1]
  return Number(kilobytes) / 1000
}

const runtime = Pool.runtimeOf(threads)
await runtime.runPromise(Effect.void)

const worker = (program: string) => (words: Int32Array) =>
  new Worker(new URL(program, import.meta.url), { workerData: words })

const starts: Readonly<Record<string, (words: Int32Array) => unknown>> = {
  "green, plain": (words) => runtime.runFork(Pool.holdPlain(words)),
  "green, operations": (words) => runtime.runFork(Pool.hold(words)),
  bare: worker("bareWorker.mjs"),
  effect: worker("effectWorker.mjs")
}
const start = starts[kind]
if (start === undefined) throw new Error(`there are no threads of the kind "${kind}"`)

const times: Array<number> = []
const before = size()
for (let thread = 0; thread < threads; thread++) {
  const words = new Int32Array(new SharedArrayBuffer(8))
  const began = performance.now()
  const isThere = Atomics.waitAsync(words, 0, 0)
  start(words)
  await isThere.value
  times.push(performance.now() - began)
}
times.sort((one, other) => one - other)
const cost: ThreadCost = {
  memory: (size() - before) / threads,
  start: times[Math.floor(threads / 2)] ?? Number.NaN
}
console.log(JSON.stringify(cost))
process.exit()
