/**
 * A body that is discarded when a fiber ends, unless it was read to its end before.
 */
import type { NonEmptyReadonlyArray } from "effect/Array"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import type { HttpError } from "../../HttpError.ts"
import type { ResponseBody } from "../../HttpExchange.ts"

export class OwnedBody implements ResponseBody {
  readonly #body: ResponseBody
  #disown: (() => void) | undefined

  constructor(body: ResponseBody, owner: Fiber.Fiber<unknown, unknown>) {
    this.#body = body
    this.#disown = owner.addObserver(() => Effect.runFork(body.discard))
  }

  get trailers() {
    return this.#body.trailers
  }

  get pull(): Effect.Effect<NonEmptyReadonlyArray<Uint8Array> | undefined, HttpError> {
    return Effect.onExit(this.#body.pull, (exit) =>
      Effect.sync(() => {
        if (exit._tag === "Failure" || exit.value === undefined) this.#release()
      })
    )
  }

  get discard(): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.#release()
      return this.#body.discard
    })
  }

  #release(): void {
    this.#disown?.()
    this.#disown = undefined
  }
}
