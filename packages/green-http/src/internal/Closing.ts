/**
 * The end of a session: what is waited for when it comes fails with the reason `Closed`, and so does what comes later.
 *
 * A handler that can let go of the exchanges of one session is asked to do so, which costs next to nothing. Anything else
 * that is waited for runs in a fiber of its own, which is interrupted.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import { failure, type HttpError } from "../HttpError.ts"
import type { Exchange, ExchangeRequest, HttpExchange, OpenExchange } from "../HttpExchange.ts"

export class Closing {
  isClosed = false
  readonly exchange: Exchange
  readonly #opened: OpenExchange | undefined
  readonly #waiting = new Set<() => void>()

  constructor({ exchange, open }: HttpExchange["Service"]) {
    this.#opened = open?.()
    this.exchange =
      this.#opened?.exchange ??
      ((request) => this.guard(request, exchange(request), (response) => Effect.runFork(response.body.discard)))
  }

  /** The effect, or the failure of the request if the session is closed meanwhile. `lost` has what came too late. */
  guard<A>(
    request: Pick<ExchangeRequest, "method" | "url">,
    effect: Effect.Effect<A, HttpError>,
    lost?: (value: A) => void
  ): Effect.Effect<A, HttpError> {
    if (Exit.isExit(effect)) return effect
    const closed = () => Effect.fail(failure(request, { _tag: "Closed" }))
    return Effect.withFiber((fiber) => {
      if (this.isClosed) return closed()
      return Effect.callback((resume) => {
        let isOver = false
        let running: Fiber.Fiber<A, HttpError> | undefined
        const end = () => {
          isOver = true
          this.#waiting.delete(close)
          running?.interruptUnsafe()
        }
        const close = () => {
          end()
          resume(closed())
        }
        this.#waiting.add(close)
        running = Effect.runForkWith(fiber.context)(effect)
        running.addObserver((exit) => {
          this.#waiting.delete(close)
          if (!isOver) resume(exit)
          else if (exit._tag === "Success") lost?.(exit.value)
        })
        return Effect.sync(end)
      })
    })
  }

  close(): void {
    this.isClosed = true
    for (const close of [...this.#waiting]) close()
    this.#opened?.close()
  }
}
