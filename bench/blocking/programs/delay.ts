/**
 * How late the event loop is while threads compute: `delay.ts <none|green|piscina> <milliseconds>` prints the 99th
 * percentile of the delay of a timer of one millisecond.
 */
import * as Effect from "effect/Effect"
import { monitorEventLoopDelay } from "node:perf_hooks"
import { Piscina } from "piscina"
import * as Pool from "./greenPool.ts"

/** The delay that 99 of 100 timers do not exceed, in milliseconds. */
export interface Delay {
  readonly p99: number
}

const threads = 4
const [, , kind = "", time = ""] = process.argv
const milliseconds = Number(time)

const runtime = Pool.runtimeOf(threads)
const piscina = new Piscina({
  filename: new URL("plainJobs.mjs", import.meta.url).href,
  minThreads: 0,
  maxThreads: threads
})

/** Lets all four compute for so long. */
const kinds: Readonly<Record<string, (milliseconds: number) => Promise<unknown>>> = {
  none: (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds)),
  green: (milliseconds) =>
    runtime.runPromise(
      Effect.forEach(Array.from({ length: threads }), () => Pool.compute(milliseconds), {
        concurrency: "unbounded",
        discard: true
      })
    ),
  piscina: (milliseconds) =>
    Promise.all(Array.from({ length: threads }, () => piscina.run(milliseconds, { name: "compute" })))
}
const compute = kinds[kind]
if (compute === undefined) throw new Error(`there are no threads of the kind "${kind}"`)

// The threads are started, and what runs is compiled.
await compute(milliseconds / 10)
const histogram = monitorEventLoopDelay({ resolution: 1 })
histogram.enable()
await compute(milliseconds)
histogram.disable()
const delay: Delay = { p99: histogram.percentile(99) / 1e6 }
console.log(JSON.stringify(delay))
process.exit()
