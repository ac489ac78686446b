/**
 * Visitors of the example, so that there is something to see: they come in waves, and some do not wait for their answer.
 */
import * as Effect from "effect/Effect"

const visit = (url: string): Effect.Effect<void> =>
  Effect.gen(function* () {
    yield* Effect.sleep(Math.random() * 800)
    const answer = Effect.promise((signal) => fetch(`${url}/work`, { signal }).then((response) => response.text()))
    const patience = 200 + Math.random() * 3000
    yield* Effect.ignoreCause(Effect.timeoutOption(answer, patience))
  })

/** A wave of so many, and the next one after a pause, until interrupted. */
export const visitors = (url: string, count: number): Effect.Effect<never> =>
  Effect.forever(
    Effect.andThen(
      Effect.forEach(Array.from({ length: count }), () => visit(url), { concurrency: "unbounded", discard: true }),
      Effect.sleep(500)
    )
  )
