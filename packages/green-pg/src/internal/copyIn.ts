/**
 * COPY … FROM STDIN as a sink. The connection is held while it runs; a chunk is taken when the one before it is written.
 * When the stream fails, or is interrupted, the server is told to drop what it has got.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Pull from "effect/Pull"
import * as Scope from "effect/Scope"
import * as Sink from "effect/Sink"
import { PgError } from "../PgError.ts"
import { CopyIn } from "./exchanges.ts"
import { checkText, inputError, invalidInput } from "./input.ts"
import type { Holder } from "./Requests.ts"
import type { Session } from "./Session.ts"

/** What is given to the driver at a time. */
const part = 64 * 1024

export const copyIn = (
  session: Session,
  sql: string,
  holder: Holder | undefined
): Sink.Sink<number, Uint8Array, never, PgError> =>
  Sink.fromTransform((upstream: Pull.Pull<ReadonlyArray<Uint8Array>, never, void>, scope) =>
    Effect.gen(function* () {
      const holding = holder ?? (yield* Scope.provide(session.hold, scope))
      const asked = yield* begin(session, sql, holding)
      const writes = upstream.pipe(
        Effect.flatMap((chunks) => Effect.forEach(chunks, (bytes) => write(session, asked, bytes), { discard: true })),
        Effect.forever({ disableYield: true }),
        Pull.catchDone(() => finish(session, asked))
      )
      yield* Effect.onExit(writes, (exit) =>
        Exit.isSuccess(exit) ? Effect.void : abandon(session, asked, "the stream of the data failed or was interrupted")
      )
      return [asked.rowCount] as const
    })
  )

/** When the server is ready for the data. */
const begin = (session: Session, sql: string, holder: Holder): Effect.Effect<CopyIn, PgError> =>
  Effect.suspend(() => {
    try {
      checkText("copyIn", "the SQL text", sql)
    } catch (thrown) {
      return Effect.fail(inputError("copyIn", thrown))
    }
    const asked = new CopyIn(sql, session.driver)
    const begun = Effect.callback<void>((resume) => {
      asked.whenCopying = () => resume(Exit.void)
      session.submit(asked, holder)
      return Effect.suspend(() =>
        asked.copy === undefined ? takeBack(session, asked) : abandon(session, asked, interrupted)
      )
    })
    return Effect.flatMap(begun, () => {
      if (asked.error !== undefined) return Effect.fail(asked.error)
      return asked.ended
        ? Effect.fail(invalidInput("copyIn", "the statement", "is no COPY … FROM STDIN: it was run, and took no data"))
        : Effect.succeed(asked)
    })
  })

/**
 * Ends a COPY that has not begun. The server hears no cancel request while it waits for data, and without one it may
 * wait for a lock: so it is cancelled, and ended if it begins nevertheless.
 */
const takeBack = (session: Session, asked: CopyIn): Effect.Effect<void> =>
  Effect.suspend(() => {
    if (asked.ended || session.pipeline.withdraw(asked)) return Effect.void
    const begun = Effect.callback<void>((resume) => {
      asked.whenCopying = () => resume(Exit.void)
    })
    const ending = Effect.suspend(() => (asked.ended ? Effect.void : end(session, asked, interrupted)))
    return Effect.all([session.interrupt(asked), Effect.ignore(Effect.andThen(begun, ending))], {
      concurrency: "unbounded",
      discard: true
    })
  })

const interrupted = "interrupted"

const write = (session: Session, asked: CopyIn, bytes: Uint8Array): Effect.Effect<void, PgError> => {
  const from = (offset: number): Effect.Effect<void, PgError> =>
    offset >= bytes.length
      ? Effect.void
      : give(offset === 0 && bytes.length <= part ? bytes : bytes.subarray(offset, offset + part), offset + part)
  // What is refused is to be tried again as the same array: a part of it may have been taken.
  const give = (piece: Uint8Array, next: number): Effect.Effect<void, PgError> =>
    Effect.suspend(() => {
      if (asked.ended) return failureOf(asked)
      const taken = attempt(session, () => session.driver.copyData(piece))
      if (taken instanceof PgError) return Effect.fail(asked.error ?? taken)
      return Effect.flatMap(written(session), () => (taken ? from(next) : give(piece, next)))
    })
  return from(0)
}

/** Ends the COPY, and waits for what the server says of it. */
const finish = (session: Session, asked: CopyIn): Effect.Effect<void, PgError> =>
  Effect.flatMap(end(session, asked, undefined), () => {
    const answered = Effect.callback<void>((resume) => {
      if (asked.ended) {
        resume(Exit.void)
        return
      }
      asked.whenEnded = () => resume(Exit.void)
      return session.interrupt(asked)
    })
    return Effect.flatMap(answered, () => (asked.error === undefined ? Effect.void : failureOf(asked)))
  })

/** Says that there are no more data: that is all, or the `failure` that makes the server drop them. */
const end = (session: Session, asked: CopyIn, failure: string | undefined): Effect.Effect<void, PgError> =>
  Effect.suspend(() => {
    if (asked.ended) return failureOf(asked)
    if (failure !== undefined) asked.dropped = true
    const taken = attempt(session, () => session.driver.copyEnd(failure))
    if (taken instanceof PgError) return Effect.fail(asked.error ?? taken)
    if (taken) {
      asked.dataEnded = true
      session.pipeline.deliver()
    }
    return Effect.flatMap(written(session), () => (taken ? Effect.void : end(session, asked, failure)))
  })

const abandon = (session: Session, asked: CopyIn, reason: string): Effect.Effect<void> =>
  asked.ended || asked.dataEnded
    ? session.interrupt(asked)
    : Effect.andThen(Effect.ignore(end(session, asked, reason)), session.awaitEnd(asked))

const written = (session: Session): Effect.Effect<void> =>
  Effect.callback<void>((resume) => session.pipeline.write(() => resume(Exit.void)))

const failureOf = (asked: CopyIn): Effect.Effect<never, PgError> =>
  Effect.fail(asked.error ?? invalidInput("copyIn", "the statement", "has ended before the data"))

/** The connection is lost by an error of the driver. */
const attempt = (session: Session, act: () => boolean): boolean | PgError => {
  const { failure } = session.pipeline
  if (failure !== undefined) return failure
  try {
    return act()
  } catch (thrown) {
    if (!(thrown instanceof PgError)) throw thrown
    session.pipeline.lost(thrown)
    return thrown
  }
}
