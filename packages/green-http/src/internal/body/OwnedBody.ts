/**
 * A body that somebody answers for, until it was read to its end.
 */
import type { NonEmptyReadonlyArray } from "effect/Array"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import { failure, type HttpError } from "../../HttpError.ts"
import type { ExchangeRequest, ResponseBody } from "../../HttpExchange.ts"

/** What those who answer for a body keep of it: not the response, or nobody could see that it is forgotten. */
interface Claim {
  readonly body: ResponseBody
  state: "open" | "read" | "discarded"
  disown: () => void
}

/** So many may be open, or so many milliseconds pass, before it is looked who has not been read. */
const most = 256
const soon = 1000

/**
 * The bodies of a session that are not read yet: discarded with it, and when their response is garbage. Most are read at
 * once, and to be told of garbage is dear: so only those are watched that were not read soon.
 */
export class OpenBodies {
  readonly #claims = new Set<Claim>()
  #young: Array<readonly [OwnedBody, Claim]> = []
  #timer: NodeJS.Timeout | undefined
  readonly #forgotten = new FinalizationRegistry<Claim>((claim) => this.discard(claim))

  /**
   * The body, owned. The fiber that has asked for it may not live to read it: if it fails or is interrupted, the body is
   * discarded at once. If it succeeds, somebody else may have the response.
   */
  own(request: ExchangeRequest, body: ResponseBody, fiber: Fiber.Fiber<unknown, unknown> | undefined): ResponseBody {
    const claim: Claim = { body, state: "open", disown: () => {} }
    const owned = new OwnedBody(request, claim)
    const disown = fiber?.addObserver((exit) => {
      if (exit._tag === "Failure") this.discard(claim)
    })
    claim.disown = () => {
      this.#claims.delete(claim)
      this.#forgotten.unregister(claim)
      disown?.()
    }
    this.#claims.add(claim)
    this.#young.push([owned, claim])
    if (this.#young.length >= most) this.#look()
    else this.#timer ??= setTimeout(() => this.#look(), soon).unref()
    return owned
  }

  #look(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const young = this.#young
    this.#young = []
    for (const [owned, claim] of young) if (claim.state === "open") this.#forgotten.register(owned, claim, claim)
  }

  discard(claim: Claim): void {
    if (claim.state === "open") Effect.runFork(release(claim))
  }

  end(): void {
    clearTimeout(this.#timer)
    this.#young = []
    for (const claim of [...this.#claims]) this.discard(claim)
  }
}

const release = (claim: Claim): Effect.Effect<void> =>
  Effect.suspend(() => {
    if (claim.state === "open") claim.state = "discarded"
    claim.disown()
    return claim.body.discard
  })

class OwnedBody implements ResponseBody {
  readonly #request: ExchangeRequest
  readonly #claim: Claim

  constructor(request: ExchangeRequest, claim: Claim) {
    this.#request = request
    this.#claim = claim
  }

  get trailers() {
    return this.#claim.body.trailers
  }

  get pull(): Effect.Effect<NonEmptyReadonlyArray<Uint8Array> | undefined, HttpError> {
    const claim = this.#claim
    return Effect.suspend(() => {
      if (claim.state === "discarded") return Effect.fail(failure(this.#request, { _tag: "Discarded" }))
      return Effect.onExit(claim.body.pull, (exit) =>
        Effect.suspend(() => {
          if (exit._tag === "Success" && exit.value !== undefined) return Effect.void
          // It was let go meanwhile: this is no end.
          if (exit._tag === "Success" && claim.state === "discarded")
            return Effect.fail(failure(this.#request, { _tag: "Discarded" }))
          claim.state = "read"
          claim.disown()
          return Effect.void
        })
      )
    })
  }

  get discard(): Effect.Effect<void> {
    return release(this.#claim)
  }
}
