/**
 * A body that is discarded when its owner ends, unless it was read to its end before.
 */
import type { NonEmptyReadonlyArray } from "effect/Array"
import * as Effect from "effect/Effect"
import type { HttpError } from "../../HttpError.ts"
import type { ResponseBody } from "../../HttpExchange.ts"

/** Who answers for a body: a fiber, or a session. What it is given is called at its end, unless it is taken back. */
export interface Owner {
  readonly addObserver: (ended: () => void) => () => void
}

/** The bodies of a session that nobody else answers for. */
export class OpenBodies implements Owner {
  readonly #ended = new Set<() => void>()

  addObserver(ended: () => void): () => void {
    this.#ended.add(ended)
    return () => this.#ended.delete(ended)
  }

  end(): void {
    for (const ended of [...this.#ended]) ended()
    this.#ended.clear()
  }
}

export class OwnedBody implements ResponseBody {
  readonly #body: ResponseBody
  #disown: (() => void) | undefined

  constructor(body: ResponseBody, owner: Owner) {
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
