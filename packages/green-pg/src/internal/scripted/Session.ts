/**
 * A session of the scripted server: takes the bytes of a client, asks the script, and gives bytes back. It runs one
 * statement at a time, and is the state machine of the protocol, seen from the server.
 *
 * Called by `functions`, which knows how bytes get there and back.
 */
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { ServerMessage } from "../../PgError.ts"
import type * as PgTypes from "../../PgTypes.ts"
import type { Script, ScriptedAnswer } from "../../testing/ScriptedLibpq.ts"
import { columnsOf, serverMessage, tagOf } from "./answers.ts"
import { control, endsFailure, firstWord, listening, notifying, part, type Transaction } from "./defaults.ts"
import { type BoundValue, type ClientMessage, type Column, plain, ServerMessages } from "./messages.ts"

interface Prepared {
  readonly sql: string
  readonly types: ReadonlyArray<number>
  /** As the client knows them, once they were described. */
  columns: ReadonlyArray<Column> | undefined
}

/** A statement that was bound: its answer is asked for once, by the first that needs it. */
interface Bound {
  readonly prepared: Prepared
  readonly values: ReadonlyArray<BoundValue>
  answer: ScriptedAnswer | undefined
}

/** What the session asks of whoever has it. */
export interface Outside {
  readonly script: Script
  readonly types: PgTypes.PgTypes
  readonly send: (bytes: Uint8Array) => void
  /** Ends the session from the server's side. */
  readonly close: () => void
  readonly notify: (channel: string, payload: string, processId: number) => void
}

const refused = (code: string, message: string): Partial<ServerMessage> => ({ code, message })

const failedTransaction = refused(
  "25P02",
  "current transaction is aborted, commands ignored until end of transaction block"
)

export class Session {
  readonly processId: number
  readonly #outside: Outside
  readonly #out: ServerMessages
  readonly #statements = new Map<string, Prepared>()
  readonly #channels = new Set<string>()
  #bound: Bound | undefined
  #transaction: Transaction = "I"
  /** After an error everything up to the next Sync is skipped. */
  #skipping = false
  /** The data of a COPY that runs, and who gets them; the script that it stands in waits for it. */
  #copying:
    | { readonly data: Array<Uint8Array>; readonly over: Deferred.Deferred<void, Partial<ServerMessage>> }
    | undefined
  #cancelled: Deferred.Deferred<never, Partial<ServerMessage>> | undefined

  constructor(processId: number, outside: Outside) {
    this.processId = processId
    this.#outside = outside
    this.#out = new ServerMessages(outside.types)
  }

  /** Cancels what runs, if anything does. */
  cancel(): void {
    const canceled = refused("57014", "canceling statement due to user request")
    if (this.#cancelled !== undefined) Deferred.doneUnsafe(this.#cancelled, Exit.fail(canceled))
  }

  /** Says what was notified, if it listens. */
  notified(channel: string, payload: string, processId: number): void {
    if (!this.#channels.has(channel)) return
    this.#out.message("A", (writer) => {
      writer.int32(processId)
      writer.cString(channel)
      writer.cString(payload)
    })
    this.#flush()
  }

  /** The data of a COPY go to it at once, since its statement has not ended; whether the message was of one. */
  copyMessage(message: ClientMessage): boolean {
    const copying = this.#copying
    switch (message._tag) {
      case "CopyData":
        copying?.data.push(message.bytes)
        return true
      case "CopyDone":
        if (copying !== undefined) Deferred.doneUnsafe(copying.over, Exit.void)
        return true
      case "CopyFail": {
        const error = refused("57014", `COPY from stdin failed: ${message.reason}`)
        if (copying !== undefined) Deferred.doneUnsafe(copying.over, Exit.fail(error))
        return true
      }
      default:
        return false
    }
  }

  /** Answers a message. To be called for one after the other. */
  handle(message: ClientMessage): Effect.Effect<void> {
    if (message._tag === "Query") return this.#script(message.sql)
    if (message._tag === "Sync") return Effect.sync(() => this.#ready())
    if (this.#skipping) return Effect.void
    const failed = (error: Partial<ServerMessage>) =>
      Effect.sync(() => {
        this.#skipping = true
        this.#fail(error)
      })
    return Effect.catch(this.#extended(message), failed)
  }

  #extended(message: ClientMessage): Effect.Effect<void, Partial<ServerMessage>> {
    return Effect.suspend(() => {
      switch (message._tag) {
        case "Parse":
          if (message.name !== "" && this.#statements.has(message.name)) {
            return Effect.fail(refused("42P05", `prepared statement "${message.name}" already exists`))
          }
          this.#statements.set(message.name, { sql: message.sql, types: message.types, columns: undefined })
          this.#out.message("1")
          return Effect.void
        case "Bind": {
          const prepared = this.#statements.get(message.statement)
          if (prepared === undefined) {
            return Effect.fail(refused("26000", `prepared statement "${message.statement}" does not exist`))
          }
          this.#bound = { prepared, values: message.values, answer: undefined }
          this.#out.message("2")
          return Effect.void
        }
        case "Close":
          this.#statements.delete(message.name)
          this.#out.message("3")
          return Effect.void
        case "Describe":
          return this.#withAnswer((_answer, columns, { prepared }) => {
            prepared.columns = columns ?? []
            if (columns === undefined) this.#out.message("n")
            else this.#out.columns(columns, 1)
          })
        case "Execute":
          return this.#withAnswer((answer, columns, { prepared }) => {
            if (isOther(prepared.columns, columns)) throw changedPlan
            this.#rows(answer, columns, 1)
            if (prepared.sql.trim() === "") this.#out.message("I")
            else this.#complete(answer, prepared.sql)
          })
        default:
          return Effect.void
      }
    })
  }

  /** The answer to what is bound, which is asked for once. */
  #withAnswer(
    use: (answer: ScriptedAnswer, columns: ReadonlyArray<Column> | undefined, bound: Bound) => void
  ): Effect.Effect<void, Partial<ServerMessage>> {
    const bound = this.#bound
    if (bound === undefined) return Effect.fail(refused("34000", 'portal "" does not exist'))
    const { answer, prepared, values } = bound
    const asked =
      answer === undefined
        ? Effect.suspend(() => this.#ask(prepared.sql, this.#parameters(values, prepared.types)))
        : Effect.succeed(answer)
    return Effect.flatMap(asked, (answer) => {
      bound.answer = answer
      return attempt(() => use(answer, columnsOf(answer, this.#outside.types), bound))
    })
  }

  /** Statements by the simple protocol: one after the other, until one fails. */
  #script(sql: string): Effect.Effect<void> {
    const parts = part(sql)
    if (parts.length === 0) this.#out.message("I")
    const all = Effect.forEach(
      parts,
      (each) =>
        Effect.flatMap(this.#ask(each, []), (answer) => {
          const { copyIn, copyOut } = answer
          if (copyIn !== undefined) return this.#copyIn(copyIn, each)
          return attempt(() => {
            if (copyOut !== undefined) return this.#copyOut(copyOut)
            const columns = columnsOf(answer, this.#outside.types)
            if (columns !== undefined) this.#out.columns(columns, 0)
            this.#rows(answer, columns, 0)
            this.#complete(answer, each)
          })
        }),
      { discard: true }
    )
    return Effect.catch(all, (error) => Effect.sync(() => this.#fail(error))).pipe(
      Effect.andThen(Effect.sync(() => this.#ready()))
    )
  }

  /** Asks the script, and where it knows nothing what a server would. Interrupted, by a cancel request, it fails. */
  #ask(sql: string, parameters: ReadonlyArray<unknown>): Effect.Effect<ScriptedAnswer, Partial<ServerMessage>> {
    return Effect.suspend(() => {
      if (this.#transaction === "E" && !endsFailure(sql)) return Effect.fail(failedTransaction)
      const cancelled = Deferred.makeUnsafe<never, Partial<ServerMessage>>()
      this.#cancelled = cancelled
      const answered = Effect.suspend(
        () => this.#outside.script({ sql, parameters, processId: this.processId }) ?? this.#unscripted(sql, parameters)
      ).pipe(
        Effect.catchCause((cause) => Effect.fail(errorOf(cause))),
        Effect.raceFirst(Deferred.await(cancelled)),
        Effect.ensuring(Effect.sync(() => (this.#cancelled = undefined)))
      )
      // What was answered before is on its way while this one runs.
      this.#flush()
      return Effect.tap(answered, (answer) => {
        this.#transaction = control(sql, this.#transaction)?.transaction ?? this.#transaction
        if (firstWord(sql) === "DISCARD") {
          this.#statements.clear()
          this.#channels.clear()
        }
        for (const notice of answer.notices ?? []) this.#out.report("N", serverMessage(notice, "NOTICE", "00000"))
        return Effect.void
      })
    })
  }

  #unscripted(sql: string, parameters: ReadonlyArray<unknown>): Effect.Effect<ScriptedAnswer, Partial<ServerMessage>> {
    if (sql.trim() === "") return Effect.succeed({})
    const listens = listening(sql)
    if (listens !== undefined) {
      const [command, channel] = listens
      if (command === "LISTEN") this.#channels.add(channel)
      else if (channel === "*") this.#channels.clear()
      else this.#channels.delete(channel)
      return Effect.succeed({ command })
    }
    const [channel, payload] = notifying(sql) ?? []
    const isCall = /^\s*select\s+pg_notify\(\s*\$1\s*,\s*\$2\s*\)\s*$/i.test(sql)
    if (channel !== undefined || isCall) {
      this.#outside.notify(channel ?? String(parameters[0]), payload ?? String(parameters[1]), this.processId)
      return Effect.succeed(isCall ? { rows: [{ pg_notify: "" }] } : { command: "NOTIFY" })
    }
    const known = control(sql, this.#transaction)
    return known === undefined
      ? Effect.fail(refused("0A000", `the script has no answer to: ${sql}`))
      : Effect.succeed({ command: known.command })
  }

  #parameters(values: ReadonlyArray<BoundValue>, types: ReadonlyArray<number>): ReadonlyArray<unknown> {
    return values.map(({ bytes, format }, index) => {
      if (bytes === undefined) return null
      return format === 0
        ? Buffer.from(bytes).toString()
        : this.#outside.types.columnReader(types[index] ?? 0)(bytes, 0, bytes.length)
    })
  }

  #rows({ rows = [] }: ScriptedAnswer, columns: ReadonlyArray<Column> | undefined, format: 0 | 1): void {
    for (const row of rows) {
      const values = (columns ?? []).map(({ name }) => plain(row[name]))
      this.#out.row(columns ?? [], values, format)
    }
  }

  #complete(answer: ScriptedAnswer, sql: string): void {
    this.#out.message("C", (writer) => writer.cString(tagOf(answer, sql)))
  }

  #copyStart(letter: "G" | "H"): void {
    this.#out.message(letter, (writer) => {
      writer.uint8(0)
      writer.int16(0)
    })
  }

  #copyOut(data: ReadonlyArray<string | Uint8Array>): void {
    this.#copyStart("H")
    for (const piece of data) this.#out.message("d", (writer) => writer.raw(Buffer.from(piece)))
    this.#out.message("c")
    this.#complete({ command: "COPY", rowCount: data.length }, "COPY")
  }

  #copyIn(take: NonNullable<ScriptedAnswer["copyIn"]>, sql: string): Effect.Effect<void, Partial<ServerMessage>> {
    return Effect.suspend(() => {
      const copying = { data: [], over: Deferred.makeUnsafe<void, Partial<ServerMessage>>() }
      this.#copying = copying
      this.#copyStart("G")
      this.#flush()
      return Deferred.await(copying.over).pipe(
        Effect.ensuring(Effect.sync(() => (this.#copying = undefined))),
        Effect.andThen(Effect.suspend(() => take(Uint8Array.from(Buffer.concat(copying.data))))),
        Effect.catchCause((cause) => Effect.fail(errorOf(cause))),
        Effect.map((answer) => this.#complete({ command: "COPY", ...answer }, sql))
      )
    })
  }

  #fail(error: Partial<ServerMessage>): void {
    if (this.#transaction === "T") this.#transaction = "E"
    const message = serverMessage(error, "ERROR", "XX000")
    this.#out.report("E", message)
    if (message.severity !== "FATAL" && message.severity !== "PANIC") return
    this.#flush()
    this.#outside.close()
  }

  #ready(): void {
    this.#skipping = false
    this.#out.message("Z", (writer) => writer.uint8(this.#transaction.charCodeAt(0)))
    this.#flush()
  }

  #flush(): void {
    this.#outside.send(this.#out.take())
  }
}

const changedPlan = {
  code: "0A000",
  message: "cached plan must not change result type",
  routine: "RevalidateCachedQuery"
}

const isOther = (known: ReadonlyArray<Column> | undefined, found: ReadonlyArray<Column> | undefined): boolean =>
  known !== undefined &&
  (known.length !== (found ?? []).length ||
    known.some(({ name, oid }, index) => found?.[index]?.name !== name || found[index]?.oid !== oid))

const attempt = (act: () => void): Effect.Effect<void, Partial<ServerMessage>> =>
  Effect.try({
    try: act,
    catch: (thrown) => (thrown === changedPlan ? changedPlan : errorOf(Cause.die(thrown)))
  })

/** A script that dies says so: it is a fault of the test. */
const errorOf = (cause: Cause.Cause<Partial<ServerMessage>>): Partial<ServerMessage> => {
  const failure = Cause.findErrorOption(cause)
  if (failure._tag === "Some") return failure.value
  const thrown = Cause.squash(cause)
  return refused("XX000", `the script has failed: ${thrown instanceof Error ? thrown.message : String(thrown)}`)
}
