/** A worker thread that makes as many round trips, or is woken as often, as it is told, or waits until it is told to stop. */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { FdIo, Green, waitFd } from "green-core"
import { parentPort } from "node:worker_threads"
import { roundTrips } from "./roundTrips.ts"
import { wakeUps } from "./wakeUps.ts"

export type Told = { readonly roundTrips: number } | { readonly wakeUps: number } | "wait" | "stop"

/** Waits for what never comes, until it is interrupted. */
const waiting = Effect.gen(function* () {
  const [one] = yield* FdIo.makeSocketPair
  yield* waitFd(one)
}).pipe(Effect.provide(Green.layer))

let waiter: Fiber.Fiber<void, unknown> | undefined

parentPort?.on("message", async (told: Told) => {
  if (typeof told === "object") await ("wakeUps" in told ? wakeUps(told.wakeUps) : roundTrips(told.roundTrips))
  else if (told === "wait") waiter = Effect.runFork(waiting)
  else if (waiter !== undefined) await Effect.runPromise(Fiber.interrupt(waiter))
  parentPort?.postMessage("done")
})
