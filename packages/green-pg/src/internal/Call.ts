/**
 * One statement that a fiber waits for: asks, gathers the answer, and resumes the fiber with it; asks once more when the
 * server has forgotten the statement. It is its own exchange, so that a statement costs few objects.
 *
 * Made by `Session.query`.
 */
import type * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { PgError } from "../PgError.ts"
import type { Completion, QueryRequest, RowShape } from "./Driver.ts"
import { Query } from "./exchanges.ts"
import type { Holder } from "./Requests.ts"
import type { Session } from "./Session.ts"

/** A statement as it is asked for, and what is made of its answer. */
export interface Question<A, B, E> {
  readonly sql: string
  readonly values: ReadonlyArray<unknown>
  readonly shape: RowShape
  readonly prepare: boolean
  readonly holder: Holder | undefined
  readonly onResult: (rows: Array<A>, completion: Completion) => B
  readonly onError: (error: PgError) => E
}

export class Call<A, B, E> extends Query<A, QueryRequest> {
  readonly #session: Session
  readonly #question: Question<A, B, E>
  readonly #resume: (exit: Effect.Effect<B, E>) => void
  readonly #again: boolean
  /** The one that asks in its place. */
  #next: Call<A, B, E> | undefined

  constructor(
    session: Session,
    question: Question<A, B, E>,
    request: QueryRequest,
    resume: (exit: Effect.Effect<B, E>) => void,
    again: boolean
  ) {
    super(request)
    this.#session = session
    this.#question = question
    this.#resume = resume
    this.#again = again
  }

  /** The one that is on its way now. */
  get current(): Call<A, B, E> {
    return this.#next?.current ?? this
  }

  override onEnd(): void {
    if (this.ended) return
    if (this.abandoned) {
      super.onEnd()
      return
    }
    this.ended = true
    const { error } = this
    const question = this.#question
    if (error === undefined) {
      this.#resume(Exit.succeed(question.onResult(this.rows, this.completion)))
    } else if (error.reason._tag === "Aborted" && this.request.shares) {
      // Another one that it shared a transaction with has failed; it was not run.
      this.#next = this.#session.ask(question, this.#resume, this.#again)
    } else if (this.#again && this.#session.mayAskAgain(this.request, error, question.holder)) {
      this.#next = this.#session.ask(question, this.#resume, false)
    } else {
      this.#resume(Exit.fail(question.onError(error)))
    }
  }
}
