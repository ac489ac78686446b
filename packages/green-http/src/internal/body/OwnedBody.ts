/**
 * A body that somebody answers for, until it was read to its end.
 */
import type { NonEmptyReadonlyArray } from "effect/Array"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import { failure, type HttpError } from "../../HttpError.ts"
import type { ExchangeRequest, ExchangeResponse, RawHeaders, ResponseBody } from "../../HttpExchange.ts"
import { has } from "../../HttpHeaders.ts"
import { WholeBody } from "./WholeBody.ts"

/** The fibers that have asked, and may not live to read: the one that performs the request, and whoever waits for it. */
export type Owners = NonEmptyReadonlyArray<Fiber.Fiber<unknown, unknown>>

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
   * The response, with a body that is owned: if one of the fibers fails or is interrupted, it is discarded at once. If they
   * succeed, somebody else may have the response. A body that is here to its end holds nothing, and nobody need answer for
   * it.
   */
  own(request: ExchangeRequest, response: ExchangeResponse, owners: Owners): ExchangeResponse {
    const { body } = response
    const whole = body.take?.()
    if (whole !== undefined) return new Owned(response, new WholeBody(whole, body.trailers()))
    const claim: Claim = { body, state: "open", disown: () => {} }
    const owned = new OwnedBody(request, claim)
    const disown = owners.map((fiber) =>
      fiber.addObserver((exit) => {
        if (exit._tag === "Failure") this.discard(claim)
      })
    )
    claim.disown = () => {
      this.#claims.delete(claim)
      this.#forgotten.unregister(claim)
      for (const each of disown) each()
    }
    this.#claims.add(claim)
    this.#young.push([owned, claim])
    if (this.#young.length >= most) this.#look()
    else this.#timer ??= setTimeout(() => this.#look(), soon).unref()
    return new Owned(response, owned)
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

/** The response as it came, with another body. */
class Owned implements ExchangeResponse {
  readonly status: number
  readonly statusText: string
  readonly body: ResponseBody
  readonly #response: ExchangeResponse

  constructor(response: ExchangeResponse, body: ResponseBody) {
    this.status = response.status
    this.statusText = response.statusText
    this.body = body
    this.#response = response
  }

  get headers(): RawHeaders {
    return this.#response.headers
  }

  has(name: string): boolean {
    return has(this.#response, name)
  }
}

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
    const discarded = () => Effect.fail(failure(this.#request, { _tag: "Discarded" }))
    const ended = <A>(end: Effect.Effect<A, HttpError>) => {
      // It was let go meanwhile: this is no end.
      if (claim.state === "discarded") return discarded()
      claim.state = "read"
      claim.disown()
      return end
    }
    const pulled = Effect.matchCauseEffect(claim.body.pull, {
      onSuccess: (chunks) => (chunks === undefined ? ended(Effect.succeed(chunks)) : Effect.succeed(chunks)),
      onFailure: (cause) => ended(Effect.failCause(cause))
    })
    return Effect.suspend(() => (claim.state === "discarded" ? discarded() : pulled))
  }

  take(): ReadonlyArray<Uint8Array> | undefined {
    const claim = this.#claim
    const taken = claim.state === "open" ? claim.body.take?.() : undefined
    if (taken !== undefined) {
      claim.state = "read"
      claim.disown()
    }
    return taken
  }

  get discard(): Effect.Effect<void> {
    return release(this.#claim)
  }
}
