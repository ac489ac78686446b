/**
 * Reading a file while worker threads wait for descriptors, and while none do: whether they take threads of the pool.
 */
import { readFile } from "node:fs/promises"
import { alternate, type Measure, ratioRow, type Side } from "../harness.ts"
import { startWorker, tell } from "./workers.ts"

const workers = 8

/** The time of one, in microseconds. */
const latency = async (times: number): Promise<number> => {
  const begun = performance.now()
  for (let time = 0; time < times; time++) await readFile(import.meta.filename)
  return ((performance.now() - begun) * 1000) / times
}

export const measure: Measure = async (scale) => {
  const times = scale.count(2_000)
  const all = Array.from({ length: workers }, startWorker)
  const waiting: Side = {
    name: `${workers} workers wait`,
    round: async () => {
      await Promise.all(all.map((worker) => tell(worker, "wait")))
      const figure = await latency(times)
      await Promise.all(all.map((worker) => tell(worker, "stop")))
      return figure
    }
  }
  const idle: Side = { name: "none waits", round: () => latency(times) }
  const figures = await alternate(scale, [waiting, idle])
  await Promise.all(all.map((worker) => worker.terminate()))
  return [
    ratioRow({
      measure: `fs.promises.readFile while ${workers} workers wait`,
      ours: waiting,
      against: idle,
      figures,
      unit: "us",
      target: { relation: "<=", must: 1.2, aim: 1.05 }
    })
  ]
}
