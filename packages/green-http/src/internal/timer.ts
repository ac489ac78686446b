/**
 * Timers for code that is called back, by the clock of the fiber on whose behalf it works.
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import type { Timer } from "./undici/Reply.ts"

export const timerOf = (fiber: Fiber.Fiber<unknown, unknown>): Timer => {
  const clock = fiber.getRef(Clock.Clock)
  return (milliseconds, ring) => {
    const alarm = Effect.runForkWith(fiber.context)(
      Effect.flatMap(clock.sleep(Duration.millis(milliseconds)), () => Effect.sync(ring))
    )
    return () => alarm.interruptUnsafe()
  }
}
