/**
 * Several statements in one go, with one Sync behind them: one round trip, one transaction.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { PgError } from "../PgError.ts"
import type { PgResult, PgStatement, Row } from "../PgResult.ts"
import { ByteWriter } from "./ByteWriter.ts"
import type { QueryRequest } from "./Driver.ts"
import { Query } from "./exchanges.ts"
import { checkCount, checkText, inputError } from "./input.ts"
import type { Holder } from "./Requests.ts"
import type { Session } from "./Session.ts"

/** Fails with the error of the first statement that fails; then none of them has happened. */
export const batch = (
  session: Session,
  statements: ReadonlyArray<PgStatement>,
  prepare: boolean,
  holder: Holder | undefined
): Effect.Effect<ReadonlyArray<PgResult>, PgError> => {
  if (statements.length === 0) return Effect.succeed([])
  return Effect.callback<ReadonlyArray<PgResult>, PgError>((resume) => {
    let asked: ReadonlyArray<Query<Row, QueryRequest>> = []
    let again = true
    const ask = (): void => {
      try {
        check(session, statements)
        asked = statements.map(({ parameters = [], sql }, index) => {
          const sync = index === statements.length - 1
          return new Query(
            session.request(sql, parameters, { shape: "objects", prepare: prepare && again, sync }, holder)
          )
        })
      } catch (thrown) {
        resume(Exit.fail(inputError("pipeline", thrown)))
        return
      }
      const last = asked.at(-1)
      if (last === undefined) return
      last.whenEnded = ended
      // Together: who is interrupted takes back all of them, or none.
      for (const each of asked) if (each !== last) session.precede(each, holder)
      session.submit(last, holder)
    }
    const ended = (): void => {
      const failed = asked.find((each) => each.error !== undefined)
      if (failed?.error === undefined) {
        resume(Exit.succeed(asked.map(({ completion, rows }) => ({ ...completion, rows }))))
      } else if (again && session.mayAskAgain(failed.request, failed.error, holder)) {
        again = false
        ask()
      } else {
        resume(Exit.fail(failed.error))
      }
    }
    ask()
    return Effect.suspend(() => {
      const sent = asked.filter((each) => !session.pipeline.withdraw(each))
      return Effect.forEach(sent, (each) => session.interrupt(each), { discard: true })
    })
  })
}

/** A statement that cannot be encoded must show before the first of them is on its way. */
const check = (session: Session, statements: ReadonlyArray<PgStatement>): void => {
  const scratch = new ByteWriter()
  for (const { parameters = [], sql } of statements) {
    checkText("pipeline", "the SQL text", sql)
    checkCount("pipeline", parameters.length)
    parameters.forEach((value, index) => {
      const parameter = session.types.parameter(value, index)
      scratch.length = 0
      if (parameter.value !== null && parameter.value !== undefined) session.types.write(scratch, parameter, index)
    })
  }
}
