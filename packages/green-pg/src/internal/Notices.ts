/**
 * The notices of a connection, and who hears them.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import * as Stream from "effect/Stream"
import type { PgError, ServerMessage } from "../PgError.ts"

/** Who is slow misses the oldest: notices are no data. */
const most = 1000

export class Notices {
  readonly #hearers = new Set<Queue.Queue<ServerMessage, PgError>>()

  readonly onNotice = (notice: ServerMessage): void => {
    for (const hearer of this.#hearers) Queue.offerUnsafe(hearer, notice)
  }

  lose(error: PgError): void {
    for (const hearer of this.#hearers) Queue.failCauseUnsafe(hearer, Cause.fail(error))
    this.#hearers.clear()
  }

  readonly stream: Stream.Stream<ServerMessage, PgError> = Stream.unwrap(
    Effect.map(
      Effect.acquireRelease(
        Effect.tap(Queue.sliding<ServerMessage, PgError>(most), (hearer) =>
          Effect.sync(() => this.#hearers.add(hearer))
        ),
        (hearer) => Effect.suspend(() => (this.#hearers.delete(hearer), Queue.shutdown(hearer)))
      ),
      Stream.fromQueue
    )
  )
}
