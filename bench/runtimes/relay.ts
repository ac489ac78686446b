/**
 * Waiting in a worker thread, whose set the main thread watches, and in the main thread: the CPU of all threads.
 */
import { alternate, cpuSide, type Measure, ratioRow, type Row } from "../harness.ts"
import { roundTrips } from "./roundTrips.ts"
import { wakeUps } from "./wakeUps.ts"
import { startWorker, tell } from "./workers.ts"

export const measure: Measure = async (scale) => {
  const worker = startWorker()
  const row = async (
    measure: string,
    waits: number,
    inWorker: () => Promise<unknown>,
    inMain: () => Promise<unknown>
  ): Promise<Row> => {
    const ours = cpuSide("a worker thread", waits, inWorker)
    const against = cpuSide("the main thread", waits, inMain)
    const figures = await alternate(scale, [ours, against])
    return ratioRow({
      measure: `${measure}, CPU of both threads`,
      ours,
      against,
      figures,
      unit: "us",
      target: { relation: "<=", must: 4, aim: 2.5 }
    })
  }
  const trips = scale.count(10_000)
  const wakes = scale.count(5_000)
  const rows = [
    await row(
      "one wait in a worker thread, found ready",
      trips * 2,
      () => tell(worker, { roundTrips: trips }),
      () => roundTrips(trips)
    ),
    await row(
      "one wait in a worker thread, woken",
      wakes,
      () => tell(worker, { wakeUps: wakes }),
      () => wakeUps(wakes)
    )
  ]
  await worker.terminate()
  return rows
}
