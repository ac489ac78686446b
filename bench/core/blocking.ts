/**
 * Waiting for a descriptor that is ready already, in a blocked thread (`Green.runSync`) and on the event loop.
 */
import * as Effect from "effect/Effect"
import { Green, waitFd } from "green-core"
import { alternate, cpuSide, type Measure, ratioRow } from "../harness.ts"
import { close, makeEvents } from "./system.ts"

const waits = Effect.fnUntraced(function* (fd: number, times: number) {
  for (let time = 0; time < times; time++) yield* waitFd(fd)
})

export const measure: Measure = async (scale) => {
  const times = scale.count(50_000)
  const [ready = -1] = makeEvents(1, 1)
  const eventLoop = cpuSide("Green.layer", times, () =>
    Effect.runPromise(waits(ready, times).pipe(Effect.provide(Green.layer)))
  )
  const blocking = cpuSide("Green.runSync", times, async () => Green.runSync(waits(ready, times)))
  const figures = await alternate(scale, [eventLoop, blocking])
  close([ready])
  return [
    ratioRow({
      measure: "wait of a ready descriptor, Green.runSync",
      ours: blocking,
      against: eventLoop,
      figures,
      unit: "us",
      target: { relation: "<=", must: 0.6, aim: 0.4 }
    })
  ]
}
