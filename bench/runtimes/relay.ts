/**
 * Waiting in a worker thread, whose set the main thread watches, and in the main thread: the CPU of all threads.
 */
import { alternate, cpuSide, type Measure, ratioRow } from "../harness.ts"
import { roundTrips } from "./roundTrips.ts"
import { startWorker, tell } from "./workers.ts"

export const measure: Measure = async (scale) => {
  const times = scale.count(10_000)
  const worker = startWorker()
  const inWorker = cpuSide("a worker thread", times * 2, () => tell(worker, times))
  const inMain = cpuSide("the main thread", times * 2, () => roundTrips(times))
  const figures = await alternate(scale, [inWorker, inMain])
  await worker.terminate()
  return [
    ratioRow({
      measure: "one wait in a worker thread, CPU of both threads",
      ours: inWorker,
      against: inMain,
      figures,
      unit: "us",
      target: { relation: "<=", must: 4, aim: 2.5 }
    })
  ]
}
