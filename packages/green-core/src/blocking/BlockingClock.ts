/**
 * The clock of a blocking run: time is the system's, and sleeping is left to the loop.
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { Loop } from "./Loop.ts"

export const make = (loop: Loop): Clock.Clock => {
  const system = Clock.Clock.defaultValue()
  return {
    currentTimeMillisUnsafe: () => system.currentTimeMillisUnsafe(),
    currentTimeMillis: system.currentTimeMillis,
    currentTimeNanosUnsafe: () => system.currentTimeNanosUnsafe(),
    currentTimeNanos: system.currentTimeNanos,
    monotonicTimeNanosUnsafe: () => system.monotonicTimeNanosUnsafe(),
    monotonicTimeNanos: system.monotonicTimeNanos,
    sleep: (duration) => {
      const milliseconds = Duration.toMillis(duration)
      if (milliseconds <= 0) return Effect.yieldNow
      if (!Number.isFinite(milliseconds)) return Effect.never
      return Effect.callback<void>((resume) => {
        if (loop.closed) return resume(system.sleep(duration))
        const sleeper = loop.sleepers.add(performance.now() + milliseconds, () => resume(Effect.void))
        return Effect.sync(() => loop.sleepers.remove(sleeper))
      })
    }
  }
}
