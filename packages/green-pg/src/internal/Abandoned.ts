/**
 * The requests on their way that nobody waits for any more: they are cancelled on the server and waited for, so that the
 * connection is in a known state again.
 *
 * A cancel request is for whatever the server runs when it comes. So nothing else is sent meanwhile, and one that the
 * server may still answer retires the connection.
 *
 * Called by `Session`.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { PgError } from "../PgError.ts"
import type { Asked } from "./exchanges.ts"
import type { Pipeline } from "./Pipeline.ts"

/** How long the server may take to end what was cancelled before the connection is given up. */
const drainTime = "5 seconds"

/** The server ignores a cancel request that comes between two statements: then it is told once more. */
const patience = "500 millis"

export class Abandoned {
  readonly #pipeline: Pipeline
  readonly #cancel: Effect.Effect<void>
  readonly #retire: () => void
  /** In the order in which the server runs them. */
  readonly #requests: Array<Asked> = []
  #cancelling = false

  /** `cancel` never fails. `retire` is called when a cancel request may still meet what comes next. */
  constructor(pipeline: Pipeline, cancel: Effect.Effect<void>, retire: () => void) {
    this.#pipeline = pipeline
    this.#cancel = cancel
    this.#retire = retire
  }

  get size(): number {
    return this.#requests.length
  }

  get last(): Asked | undefined {
    return this.#requests.at(-1)
  }

  /** Until it has ended. */
  add(asked: Asked): void {
    const later = this.#requests.findIndex(({ turn }) => turn > asked.turn)
    this.#requests.splice(later < 0 ? this.#requests.length : later, 0, asked)
    asked.whenEnded = () => void this.#requests.splice(this.#requests.indexOf(asked), 1)
  }

  /** Cancels everything on its way, which nobody waits for, and waits for the end of this. */
  drain(asked: Asked): Effect.Effect<void> {
    return this.#bounded(asked, this.#cancelling ? ended(asked) : this.#cancelAll)
  }

  /** Waits for the end of an exchange that the server has been told to end. */
  awaitEnd(asked: Asked): Effect.Effect<void> {
    return this.#bounded(asked, ended(asked))
  }

  /** The connection is given up when the server takes too long. */
  #bounded(asked: Asked, ending: Effect.Effect<void>): Effect.Effect<void> {
    return Effect.flatMap(Effect.timeoutOption(ending, drainTime), () =>
      Effect.sync(() => {
        if (asked.ended) return
        this.#pipeline.lose(
          new PgError({
            operation: "cancel",
            reason: {
              _tag: "ConnectionLost",
              problem: `the server did not end a cancelled statement within ${drainTime}`
            }
          })
        )
      })
    )
  }

  /** What comes behind the Sync of a cancelled statement runs, and is cancelled in its turn. */
  get #cancelAll(): Effect.Effect<void> {
    /** Cancel requests of which nothing was seen: they may still meet what comes next. */
    let unseen = 0
    const next: Effect.Effect<void> = Effect.suspend(() => {
      const waiting = [...this.#requests]
      const first = waiting.find(({ request }) => request._tag !== "Query" || request.sync)
      if (first === undefined) {
        if (unseen > 0) this.#retire()
        return Effect.void
      }
      unseen++
      // The request is waited for also when the statement has ended: it must not meet what comes next.
      return this.#cancel.pipe(
        Effect.andThen(Effect.timeoutOption(ended(first), patience)),
        Effect.andThen(
          Effect.suspend(() => {
            unseen = Math.max(unseen - waiting.filter(({ canceled }) => canceled).length, 0)
            return next
          })
        )
      )
    })
    return Effect.suspend(() => {
      this.#cancelling = true
      this.#pipeline.stop()
      return Effect.ensuring(
        next,
        Effect.sync(() => {
          this.#cancelling = false
          this.#pipeline.go()
        })
      )
    })
  }
}

/** When the exchange has ended. */
const ended = (asked: Asked): Effect.Effect<void> =>
  Effect.callback<void>((resume) => {
    if (asked.ended) {
      resume(Exit.void)
      return
    }
    const { whenEnded } = asked
    asked.whenEnded = () => {
      whenEnded()
      resume(Exit.void)
    }
  })
