/**
 * The process of one side of `idleDescriptors.ts`: `crowd.ts <idle> <trips>` watches so many descriptors that never
 * become ready, and for every message makes so many round trips over a pair of sockets: answers the CPU time of one.
 */
import * as Effect from "effect/Effect"
import { Green, waitFd } from "green-core"
import { once } from "node:events"
import { cpuSide } from "../harness.ts"
import { waiting } from "./roundTrip.ts"
import { makeEvents, makeSocketPair } from "./system.ts"

const [, , idle, count] = process.argv
const trips = Number(count)

const program = Effect.gen(function* () {
  const [one, other] = yield* makeSocketPair
  for (const fd of makeEvents(Number(idle), 0)) yield* Effect.forkChild(waitFd(fd), { startImmediately: true })
  const ends = Effect.all([waiting(one, true, trips), waiting(other, false, trips)], { concurrency: 2, discard: true })
  const { round } = cpuSide("round trip", trips, () => Effect.runPromise(ends.pipe(Effect.provide(Green.layer))))
  for (;;) {
    yield* Effect.promise(() => once(process, "message"))
    process.send?.(yield* Effect.promise(round))
  }
})

await Effect.runPromise(program.pipe(Effect.provide(Green.layer)))
