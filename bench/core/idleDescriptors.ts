/**
 * What an active pair of sockets costs while thousands of descriptors are watched that never become ready.
 */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { Green, WaitFd, waitFd } from "green-core"
import { alternate, cpuSide, type Measure, ratioRow, type Scale, type Side } from "../harness.ts"
import { close, makeEvents, makeSocketPair } from "./system.ts"
import { waiting } from "./roundTrip.ts"

const rows = Effect.fnUntraced(function* (scale: Scale) {
  const trips = scale.count(50_000)
  const run = Effect.runPromiseWith(yield* Effect.context<WaitFd>())
  const ends = yield* makeSocketPair
  const idle = makeEvents(scale.count(9_900), 0)

  const alone = cpuSide("none", trips, () =>
    run(Effect.all([waiting(ends[0], true, trips), waiting(ends[1], false, trips)], { concurrency: 2, discard: true }))
  )
  const crowded: Side = {
    name: `${idle.length} idle descriptors`,
    round: () =>
      run(
        Effect.gen(function* () {
          const fibers = yield* Effect.forEach(idle, (fd) =>
            Effect.forkChild(Effect.ignore(waitFd(fd)), { startImmediately: true })
          )
          const cost = yield* Effect.promise(alone.round)
          // Not by interruption, after which the set would still know them.
          for (const fd of idle) yield* WaitFd.notifyClosing(fd)
          yield* Fiber.awaitAll(fibers)
          return cost
        })
      )
  }
  const figures = yield* Effect.promise(() => alternate(scale, [alone, crowded]))
  close([...ends, ...idle])
  return [
    ratioRow({
      measure: `round trip, waitFd, ${crowded.name} watched`,
      ours: crowded,
      against: alone,
      figures,
      unit: "us",
      // Flat, but for noise.
      target: { relation: "<=", must: 1.15, aim: 1.05 }
    })
  ]
})

export const measure: Measure = (scale) => Effect.runPromise(rows(scale).pipe(Effect.provide(Green.layer)))
