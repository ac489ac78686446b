/**
 * The body of a response whose chunks come by promises: of a `ReadableStream`, or of an iterator.
 *
 * A promise cannot be taken back. One that a pull has waited for in vain, because it was interrupted, is the next one's.
 */
import type { NonEmptyReadonlyArray } from "effect/Array"
import * as Effect from "effect/Effect"
import type { HttpError } from "../../HttpError.ts"
import type { ExchangeRequest, RawHeaders, ResponseBody } from "../../HttpExchange.ts"
import { within } from "../timeouts.ts"
import { Fairness } from "./Fairness.ts"

/** Where the chunks come from. */
export interface Chunks {
  readonly next: () => Promise<{ readonly done?: boolean | undefined; readonly value?: unknown }>
  readonly failure: (cause: unknown) => HttpError
  /** Lets go of the rest. Harmless when there is none. */
  readonly cancel: Effect.Effect<void>
  /** Called when the end has come. */
  readonly ended: () => void
}

type Pulled = NonEmptyReadonlyArray<Uint8Array> | undefined
type Outcome = Effect.Effect<Pulled, HttpError>

export class PromisedBody implements ResponseBody {
  readonly pull: Outcome
  readonly #chunks: Chunks
  readonly #fairness = new Fairness()
  /** What every pull gives from now on. */
  #last: Outcome | undefined
  #ended = false
  #next: Promise<Outcome> | undefined
  #waiting: ((outcome: Outcome) => void) | undefined

  constructor(request: ExchangeRequest, chunks: Chunks) {
    this.#chunks = chunks
    this.pull = Effect.tapError(
      within(
        request,
        "body",
        Effect.suspend(() => this.#last ?? Effect.andThen(this.#fairness.after(1), this.#pull))
      ),
      (error) => {
        // That it took too long is the last thing that comes, as any failure is.
        this.#last = Effect.fail(error)
        return chunks.cancel
      }
    )
  }

  readonly #pull: Outcome = Effect.callback<Pulled, HttpError>((resume) => {
    this.#waiting = resume
    const next = (this.#next ??= this.#read())
    void next.then((outcome) => {
      if (this.#waiting !== resume) return
      this.#waiting = this.#next = undefined
      resume(outcome)
    })
    return Effect.sync(() => {
      if (this.#waiting === resume) this.#waiting = undefined
    })
  })

  readonly discard: Effect.Effect<void> = Effect.suspend(() => {
    if (this.#ended) return Effect.void
    this.#last ??= end
    const waiting = this.#waiting
    this.#waiting = undefined
    waiting?.(this.#last)
    return this.#chunks.cancel
  })

  readonly trailers = (): RawHeaders => []

  /** Never rejects. */
  async #read(): Promise<Outcome> {
    try {
      const { done, value } = await this.#chunks.next()
      if (this.#last !== undefined) return this.#last
      if (done !== true && value instanceof Uint8Array) return Effect.succeed([value])
      if (done !== true) throw new TypeError(`a chunk of the body is no Uint8Array, but of the type ${typeof value}`)
      this.#ended = true
      this.#chunks.ended()
      return (this.#last = end)
    } catch (cause) {
      return (this.#last ??= Effect.fail(this.#chunks.failure(cause)))
    }
  }
}

const end: Outcome = Effect.succeed(undefined)
