/**
 * Timers for code that is called back.
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"

/** Calls back after so many milliseconds, unless it is taken back. */
export type Timer = (milliseconds: number, ring: () => void) => () => void

/** By the clock of the fiber on whose behalf somebody works. */
export const timerOf = (fiber: Fiber.Fiber<unknown, unknown>): Timer => {
  const clock = fiber.getRef(Clock.Clock)
  return (milliseconds, ring) => {
    const asleep = clock.sleep(Duration.millis(milliseconds))
    const alarm = Effect.runForkWith(fiber.context)(Effect.andThen(asleep, Effect.sync(ring)))
    return () => alarm.interruptUnsafe()
  }
}

/** By the system's clock: for what is a matter of the network, and not of a caller. */
export const systemTimer: Timer = (milliseconds, ring) => {
  const timeout = setTimeout(ring, milliseconds)
  return () => clearTimeout(timeout)
}
