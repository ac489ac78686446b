/**
 * What is printed: who said what, and when.
 */
import * as Clock from "effect/Clock"
import * as Console from "effect/Console"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { GreenLocal } from "green-core"

/** Who speaks: a name for each greenlet, which it sets for itself. */
export const speaker = GreenLocal.make({ initial: () => "program" })

export class Transcript extends Context.Service<Transcript, { readonly say: (text: string) => Effect.Effect<void> }>()(
  "examples/Transcript"
) {
  /** Prints, with the milliseconds since the layer was built. */
  static readonly layer: Layer.Layer<Transcript> = Layer.effect(
    Transcript,
    Effect.map(Clock.currentTimeMillis, (start) => ({
      say: Effect.fnUntraced(function* (text) {
        const elapsed = (yield* Clock.currentTimeMillis) - start
        const name = yield* speaker.get
        yield* Console.log(`${String(elapsed).padStart(5)} ms  ${name.padEnd(10)}  ${text}`)
      })
    }))
  )
}

export const say = (text: string): Effect.Effect<void, never, Transcript> =>
  Transcript.use((transcript) => transcript.say(text))
