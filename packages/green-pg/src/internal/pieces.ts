/**
 * Streams of what the server sends piece by piece: rows in chunks, and the data of a COPY. The connection is held while
 * the stream runs, and the server waits while nobody takes.
 */
import type { NonEmptyReadonlyArray } from "effect/Array"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Stream from "effect/Stream"
import type { PgError } from "../PgError.ts"
import type { RowShape } from "./Driver.ts"
import { Chunks, CopyOut, type Pieces } from "./exchanges.ts"
import { checkText, inputError } from "./input.ts"
import type { Holder } from "./Requests.ts"
import type { Session } from "./Session.ts"

/** How many pieces are read before somebody takes them. */
const ahead = 2

/** Data of a COPY come row by row: enough of them to keep both sides busy. */
const rowsAhead = 512

export interface RowStreamOptions {
  readonly shape: RowShape
  readonly chunk: number
  readonly prepare: boolean
}

/** The rows of a statement. Ending early cancels it on the server. */
export const rows = <A>(
  session: Session,
  sql: string,
  values: ReadonlyArray<unknown>,
  options: RowStreamOptions,
  holder: Holder | undefined
): Stream.Stream<A, PgError> =>
  run(session, holder, (holding) => new Chunks<A>(session.request(sql, values, options, holding), ahead)).pipe(
    Stream.flattenIterable
  )

/** What a COPY … TO STDOUT gives. */
export const copyOut = (
  session: Session,
  sql: string,
  holder: Holder | undefined
): Stream.Stream<Uint8Array, PgError> =>
  run(session, holder, () => {
    checkText("copyOut", "the SQL text", sql)
    return new CopyOut(sql, session.driver, rowsAhead)
  })

const run = <A>(
  session: Session,
  holder: Holder | undefined,
  make: (holder: Holder) => Pieces<A>
): Stream.Stream<A, PgError> =>
  Stream.unwrap(
    Effect.gen(function* () {
      const holding = holder ?? (yield* session.hold)
      const asked = yield* Effect.try({
        try: () => make(holding),
        catch: (thrown) => inputError("stream", thrown)
      })
      yield* Effect.acquireRelease(
        Effect.sync(() => session.submitPieces(asked, holding)),
        () => session.interrupt(asked)
      )
      return Stream.fromPull(Effect.succeed(pull(session, asked)))
    })
  )

const pull = <A>(session: Session, asked: Pieces<A>): Effect.Effect<NonEmptyReadonlyArray<A>, PgError | Cause.Done> =>
  Effect.suspend(() => {
    const [first, ...rest] = asked.queue.take()
    if (first !== undefined) {
      session.pipeline.unpaused()
      return Effect.succeed([first, ...rest] as const)
    }
    if (asked.ended) return asked.error === undefined ? Cause.done() : Effect.fail(asked.error)
    const there = Effect.callback<void>((resume) => {
      asked.queue.whenThere = () => resume(Exit.void)
      // What was read before may be delivered within the call.
      session.pipeline.unpaused()
    })
    return Effect.flatMap(there, () => pull(session, asked))
  })
