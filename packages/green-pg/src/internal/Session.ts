/**
 * A session with the server: what can be asked on an established connection, as Effects.
 *
 * Every request goes through the pipeline; the fiber that asks is resumed once, with the whole answer. Who is interrupted
 * leaves the connection in a known state: what was not sent is taken back; what runs is cancelled on the server and
 * drained; when others share the connection it is left to run and its answer is dropped, since a cancel request could
 * meet theirs. What cannot be brought into a known state is closed.
 *
 * Called by `PgConnection`.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import { PgError } from "../PgError.ts"
import type { Parameter, PgTypes } from "../PgTypes.ts"
import { checkText, inputError, invalidInput } from "./input.ts"
import type { Driver, QueryRequest, RowShape } from "./Driver.ts"
import { Abandoned } from "./Abandoned.ts"
import { Call, type Question } from "./Call.ts"
import { Asked, type Pieces } from "./exchanges.ts"
import type { Pipeline } from "./Pipeline.ts"
import type { Holder } from "./Requests.ts"
import type { Statements } from "./Statements.ts"

export interface SessionOptions {
  readonly pipeline: Pipeline
  readonly types: PgTypes
  readonly statements: Statements
  /** Whether no statement can write. */
  readonly readOnly: boolean
  /** Asks the server to cancel what runs. It never fails, and is over when the server has been told. */
  readonly cancel: Effect.Effect<void>
}

export class Session {
  readonly driver: Driver
  readonly pipeline: Pipeline
  readonly types: PgTypes
  readonly statements: Statements
  readonly #readOnly: boolean
  /** The requests on their way that nobody waits for. */
  readonly #abandoned: Abandoned
  #turns = 0
  /** What was last asked for to be taken piece by piece. */
  #streaming: { readonly holder: Holder; readonly hurry: () => void } | undefined
  /** A cancel request may still meet what comes next: the connection is not to be used again by somebody else. */
  retired = false

  constructor({ cancel, pipeline, readOnly, statements, types }: SessionOptions) {
    this.#readOnly = readOnly
    this.pipeline = pipeline
    this.driver = pipeline.driver
    this.types = types
    this.statements = statements
    this.#abandoned = new Abandoned(pipeline, cancel, () => {
      this.retired = true
    })
  }

  /** Whether it is open, and in a state that is known. A server that has gone is noticed now. */
  isUsable(): boolean {
    if (this.retired) return false
    this.pipeline.probe()
    return this.pipeline.failure === undefined
  }

  /** One statement, with all its rows. */
  query<A, B, E>(question: Question<A, B, E>): Effect.Effect<B, E> {
    return Effect.callback<B, E>((resume) => {
      const call = this.ask(question, resume, true)
      return call === undefined ? undefined : Effect.suspend(() => this.interrupt(call.current))
    })
  }

  /** Asks; `undefined` when there is nothing to ask, of which `resume` has been told. */
  ask<A, B, E>(
    question: Question<A, B, E>,
    resume: (exit: Effect.Effect<B, E>) => void,
    again: boolean
  ): Call<A, B, E> | undefined {
    let call: Call<A, B, E>
    try {
      call = new Call(
        this,
        question,
        this.request(
          question.sql,
          question.values,
          { shape: question.shape, prepare: question.prepare && again },
          question.holder
        ),
        resume,
        again
      )
    } catch (thrown) {
      resume(Exit.fail(question.onError(inputError("query", thrown))))
      return undefined
    }
    this.submit(call, question.holder)
    return call
  }

  /** Submits an exchange and waits for its end; interruption ends it. Fails with its error. */
  perform<A extends Asked>(make: () => A, holder: Holder | undefined): Effect.Effect<A, PgError> {
    return Effect.callback<A, PgError>((resume) => {
      let asked: A
      try {
        asked = make()
      } catch (thrown) {
        resume(Exit.fail(inputError("query", thrown)))
        return
      }
      asked.whenEnded = () => resume(asked.error === undefined ? Exit.succeed(asked) : Exit.fail(asked.error))
      this.submit(asked, holder)
      return this.interrupt(asked)
    })
  }

  /** A request for a statement. Throws the error of what cannot be sent. */
  request(
    sql: string,
    values: ReadonlyArray<unknown>,
    options: { readonly shape: RowShape; readonly prepare: boolean; readonly chunk?: number; readonly sync?: boolean },
    holder: Holder | undefined
  ): QueryRequest {
    const parameters = values.length === 0 ? noParameters : values.map(this.types.parameter)
    const statement = options.prepare ? this.statements.get(sql, parameters) : undefined
    if (statement?.state !== "ready") {
      checkText("query", "the SQL text", sql)
      refuseCopy(sql)
      const surplus = this.statements.surplus()
      if (surplus !== undefined) this.pipeline.close(surplus, holder)
    }
    return {
      _tag: "Query",
      sql,
      parameters,
      statement,
      shape: options.shape,
      chunk: options.chunk ?? 0,
      shares: this.#readOnly && holder === undefined && options.sync === undefined && options.chunk === undefined,
      sync: options.sync ?? true
    }
  }

  /** Puts a request in that goes out with the next that is submitted, which is to follow at once. */
  precede(asked: Asked, holder: Holder | undefined): void {
    asked.turn = ++this.#turns
    this.pipeline.precede(asked, holder)
  }

  submit(asked: Asked, holder: Holder | undefined): void {
    if (this.#streaming !== undefined && this.#streaming.holder === holder) this.#streaming.hurry()
    asked.turn = ++this.#turns
    this.pipeline.submit(asked, holder, schedule)
  }

  /**
   * Submits what is taken piece by piece. When its holder asks for something else before the end, which is answered behind
   * it, the rest is read into memory: it may be for each piece that the holder asks, and nobody would ever go on.
   */
  submitPieces(asked: Pieces<unknown>, holder: Holder): void {
    this.submit(asked, holder)
    this.#streaming = { holder, hurry: () => asked.queue.hurry() }
  }

  /** Ends an exchange that nobody waits for any more. */
  interrupt(asked: Asked): Effect.Effect<void> {
    return Effect.suspend(() => {
      if (asked.ended || this.pipeline.withdraw(asked)) return Effect.void
      asked.abandon()
      this.#abandoned.add(asked)
      this.pipeline.unpaused()
      return asked.ended || this.#isShared ? Effect.void : this.#abandoned.drain(asked)
    })
  }

  /** Waits for the end of an exchange that the server has been told to end. */
  awaitEnd(asked: Asked): Effect.Effect<void> {
    return this.#abandoned.awaitEnd(asked)
  }

  /** The connection for this scope alone, when everything that was asked before is answered. */
  get hold(): Effect.Effect<Holder, PgError, Scope.Scope> {
    return Effect.uninterruptibleMask((restore) => {
      let hear: (failure: PgError | undefined) => void = () => {}
      let answer: Exit.Exit<void, PgError> | undefined
      const holder: Holder = {
        onHeld: (failure) => {
          answer = failure === undefined ? Exit.void : Exit.fail(failure)
          hear(failure)
        }
      }
      const held = Effect.callback<void, PgError>((resume) => {
        hear = () => {
          if (answer !== undefined) resume(answer)
        }
        this.pipeline.hold(holder)
      })
      return Effect.addFinalizer(() => this.#release(holder)).pipe(Effect.andThen(restore(held)), Effect.as(holder))
    })
  }

  /** What a transaction has left is rolled back; what is still on its way is nobody's, and ends the connection. */
  #release(holder: Holder): Effect.Effect<void> {
    return Effect.suspend(() => {
      if (!this.pipeline.isHeldBy(holder)) {
        this.pipeline.release(holder)
        return Effect.void
      }
      const { pipeline } = this
      if (pipeline.failure === undefined && this.#isShared) {
        pipeline.lose(
          new PgError({
            operation: "release",
            reason: { _tag: "Closed", problem: "it was released while a statement was on its way on it" }
          })
        )
      }
      // What was left to run, since others shared the connection, would keep the next holder waiting.
      const left = this.#abandoned.last
      return Effect.andThen(
        left === undefined || pipeline.failure !== undefined ? Effect.void : this.#abandoned.drain(left),
        Effect.andThen(
          this.#rollback(holder),
          Effect.sync(() => pipeline.release(holder))
        )
      )
    })
  }

  #rollback(holder: Holder): Effect.Effect<void> {
    return Effect.suspend(() => {
      const { transaction } = this.driver
      if (this.pipeline.failure !== undefined) return Effect.void
      if (transaction !== "in transaction" && transaction !== "failed") return Effect.void
      return this.perform(() => new Asked({ _tag: "Script", sql: "ROLLBACK" }), holder).pipe(
        Effect.catch(() => Effect.sync(() => (this.retired = true))),
        Effect.asVoid
      )
    })
  }

  /** Whether something is on its way for which somebody waits. */
  get #isShared(): boolean {
    return this.driver.outstanding - this.pipeline.unowned > this.#abandoned.size
  }

  /**
   * Whether a statement that failed is asked for once more: one that the server has lost, or whose plan is no good any
   * more, is prepared anew; not within a transaction, which the error has ended.
   */
  mayAskAgain({ statement }: QueryRequest, error: PgError, holder: Holder | undefined): boolean {
    if (statement === undefined || error.reason._tag !== "Server") return false
    const { code, routine } = error.reason.message
    if (code !== "26000" && !(code === "0A000" && routine === "RevalidateCachedQuery")) return false
    this.statements.forget(statement)
    return holder === undefined || this.driver.transaction === "idle"
  }
}

const noParameters: ReadonlyArray<Parameter> = []

const schedule = (task: () => void): void => {
  const fiber = Fiber.getCurrent()
  if (fiber === undefined) setImmediate(task)
  else fiber.currentDispatcher.scheduleTask(task, 0)
}

/** A COPY by the extended protocol would end the connection: libpq takes it for a mistake. */
const refuseCopy = (sql: string): void => {
  if (/^\s*copy\b/i.test(sql) && /\b(stdin|stdout)\b/i.test(sql)) {
    throw invalidInput("query", "the statement", "copies data from or to the client; use copyIn or copyOut")
  }
}
