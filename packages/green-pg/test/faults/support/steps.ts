/**
 * Random programs for a connection: sequences of steps, as plain data, so that a failing one can be shrunk and shown; how
 * a step is run; and what is heard of it, as data that does not depend on who runs it.
 */
import * as Arbitrary from "effect/Arbitrary"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Queue from "effect/Queue"
import * as Stream from "effect/Stream"
import { type PgConnectionShape, PgError, type PgResult } from "green-pg"
import { integer, orNull, scalars } from "../../support/values.ts"

/** A statement, with the values of its parameters by the names of their types. */
export interface Statement {
  readonly sql: string
  readonly values: ReadonlyArray<readonly [type: string, value: unknown]>
}

export type Step =
  | {
      readonly _tag: "Query"
      readonly statement: Statement
      readonly prepare: boolean
      readonly shape: "rows" | "values"
    }
  | { readonly _tag: "Together"; readonly statements: ReadonlyArray<Statement> }
  | { readonly _tag: "Pipeline"; readonly statements: ReadonlyArray<Statement> }
  | { readonly _tag: "Script"; readonly sql: string }
  | { readonly _tag: "Stream"; readonly statement: Statement; readonly chunk: number; readonly take: number }
  | { readonly _tag: "CopyIn"; readonly sql: string; readonly data: ReadonlyArray<string>; readonly fails: boolean }
  | { readonly _tag: "CopyOut"; readonly sql: string; readonly take: number }
  | { readonly _tag: "Interrupted"; readonly sql: string }
  | { readonly _tag: "Hold"; readonly statements: ReadonlyArray<Statement> }
  | { readonly _tag: "Notify"; readonly payload: string }
  | { readonly _tag: "Reset" }

const oneOf = <A>(values: readonly [A, ...Array<A>]): Arbitrary.Arbitrary<A> =>
  Arbitrary.map(integer(0, values.length - 1), (index) => values[index] ?? values[0])

const anyOf = <A>(arbitraries: readonly [Arbitrary.Arbitrary<A>, ...Array<Arbitrary.Arbitrary<A>>]) =>
  Arbitrary.flatMap(integer(0, arbitraries.length - 1), (index) => arbitraries[index] ?? arbitraries[0])

/** A value of a type, or NULL. */
const typed = anyOf([
  ...mapNonEmpty(scalars, ({ name, values }) => Arbitrary.map(orNull(values), (value) => [name, value] as const))
])

function mapNonEmpty<A, B>(items: ReadonlyArray<A>, f: (item: A) => B): readonly [B, ...Array<B>] {
  const [first, ...rest] = items
  if (first === undefined) throw new RangeError("there is nothing to choose from")
  return [f(first), ...rest.map(f)]
}

/** Values that come back as they were sent, or that the server refuses: in a way that is the same for everybody. */
const echo: Arbitrary.Arbitrary<Statement> = Arbitrary.map(Arbitrary.array(typed, { maxLength: 6 }), (values) => ({
  sql: `SELECT ${values.map(([type], index) => `$${index + 1}::${type} AS "c${index}"`).join(", ")}`,
  values
}))

const plain = (...sql: readonly [string, ...Array<string>]): Arbitrary.Arbitrary<Statement> =>
  Arbitrary.map(oneOf(sql), (sql) => ({ sql, values: [] }))

const inserted: Arbitrary.Arbitrary<Statement> = Arbitrary.map(
  Arbitrary.all([integer(0, 6), integer(-1, 3)]),
  ([id, value]) => ({
    sql: "INSERT INTO kept (id, value) VALUES ($1::int4, $2::int4) RETURNING *, ctid IS NULL AS missing",
    values: [
      ["int4", id],
      ["int4", value]
    ]
  })
)

const rows: Arbitrary.Arbitrary<Statement> = Arbitrary.map(
  Arbitrary.all([integer(0, 40), integer(0, 60)]),
  ([count, zero]) => ({
    sql: "SELECT i, repeat('x', i) AS text, 100 / (i - $2::int4) AS quotient FROM generate_series(1, $1::int4) i",
    values: [
      ["int4", count],
      ["int4", zero]
    ]
  })
)

const statement: Arbitrary.Arbitrary<Statement> = anyOf([
  echo,
  echo,
  inserted,
  rows,
  plain("SELECT 1 AS one", "SELECT 1 AS a, 2 AS a", "SELECT", "", ";", "SELECT * FROM kept ORDER BY id"),
  plain("UPDATE kept SET value = value + 1", "DELETE FROM kept WHERE id > 3", "SELECT count(*) FROM kept"),
  plain(
    "SELEC 1",
    "SELECT nothing",
    "SELECT 1/0",
    "SELECT 'a'::int4",
    "SELECT * FROM nowhere",
    "SELECT $1",
    "SELECT 1; SELECT 2"
  ),
  plain(
    "CREATE TABLE IF NOT EXISTS other (a int)",
    "DROP TABLE IF EXISTS other",
    "ALTER TABLE kept ADD COLUMN IF NOT EXISTS more text",
    "ALTER TABLE kept DROP COLUMN IF EXISTS more"
  ),
  plain(
    "BEGIN",
    "COMMIT",
    "ROLLBACK",
    "SAVEPOINT s",
    "ROLLBACK TO s",
    "RELEASE s",
    "BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY"
  ),
  plain(
    "DEALLOCATE ALL",
    "SET DateStyle = 'German'",
    "SET application_name TO DEFAULT",
    "RESET DateStyle",
    "SHOW DateStyle"
  ),
  plain(
    "DO $$ BEGIN RAISE NOTICE 'a notice %', 1 USING HINT = 'a hint'; END $$",
    "DO $$ BEGIN RAISE EXCEPTION 'an error' USING DETAIL = 'a detail', ERRCODE = 'ZX123'; END $$"
  )
])

const statements = Arbitrary.array(statement, { minLength: 1, maxLength: 5 })

const scripts = Arbitrary.map(
  Arbitrary.array(
    oneOf([
      "SELECT 1 AS one, NULL AS nothing, 'ä' AS text",
      "INSERT INTO kept (id) VALUES (5)",
      "SELECT 1/0",
      "BEGIN",
      "COMMIT",
      "ROLLBACK",
      "SELECT i FROM generate_series(1, 5) i",
      "UPDATE kept SET value = 9",
      "",
      "SELEC"
    ]),
    { maxLength: 5 }
  ),
  (parts) => parts.join(";")
)

const step: Arbitrary.Arbitrary<Step> = anyOf<Step>([
  Arbitrary.map(Arbitrary.all([statement, integer(0, 3)]), ([statement, kind]): Step => ({
    _tag: "Query",
    statement,
    prepare: kind % 2 === 0,
    shape: kind < 2 ? "rows" : "values"
  })),
  Arbitrary.map(statements, (statements): Step => ({ _tag: "Together", statements })),
  Arbitrary.map(statements, (statements): Step => ({ _tag: "Pipeline", statements })),
  Arbitrary.map(statements, (statements): Step => ({ _tag: "Hold", statements })),
  Arbitrary.map(scripts, (sql): Step => ({ _tag: "Script", sql })),
  Arbitrary.map(
    Arbitrary.all([anyOf([rows, statement]), integer(1, 8), integer(0, 50)]),
    ([statement, chunk, take]): Step => ({ _tag: "Stream", statement, chunk, take })
  ),
  Arbitrary.map(
    Arbitrary.all([
      Arbitrary.array(oneOf(["1\t2\n", "\\N\t3\n", "4\t\\N\n", "no number\t1\n", "7", "\t8\n"]), { maxLength: 5 }),
      oneOf([
        "COPY kept (value, id) FROM STDIN",
        "COPY kept FROM STDIN (FORMAT csv)",
        "COPY nowhere FROM STDIN",
        "SELECT 1",
        "INSERT INTO kept (id) VALUES (6)"
      ]),
      integer(0, 4)
    ]),
    ([data, sql, kind]): Step => ({ _tag: "CopyIn", sql, data, fails: kind === 0 })
  ),
  Arbitrary.map(
    Arbitrary.all([
      oneOf([
        "COPY (SELECT i, 'ä' FROM generate_series(1, 30) i) TO STDOUT",
        "COPY (SELECT 100 / (20 - i) FROM generate_series(1, 30) i) TO STDOUT",
        "COPY kept TO STDOUT (FORMAT csv, HEADER)",
        "COPY (SELECT) TO STDOUT",
        "COPY nowhere TO STDOUT",
        "SELECT 1"
      ]),
      integer(0, 50)
    ]),
    ([sql, take]): Step => ({ _tag: "CopyOut", sql, take })
  ),
  Arbitrary.map(
    oneOf(["DO $$ BEGIN RAISE NOTICE 'running'; PERFORM pg_sleep(60); END $$", "SELECT 1/0"]),
    (sql): Step => ({
      _tag: "Interrupted",
      sql
    })
  ),
  Arbitrary.map(oneOf(["", "ä", "x".repeat(7999)]), (payload): Step => ({ _tag: "Notify", payload })),
  Arbitrary.map(oneOf([0]), (): Step => ({ _tag: "Reset" }))
])

export const steps: Arbitrary.Arbitrary<ReadonlyArray<Step>> = Arbitrary.array(step, { minLength: 4, maxLength: 12 })

/** What was heard of a step. */
export interface Heard {
  readonly step: Step["_tag"]
  readonly outcome: unknown
  readonly transaction: string
  readonly isUsable: boolean
}

/** Runs the steps one after the other. */
export const run = (connection: PgConnectionShape, program: ReadonlyArray<Step>): Effect.Effect<ReadonlyArray<Heard>> =>
  Effect.forEach(program, (step) =>
    Effect.map(Effect.exit(perform(connection, step)), (exit) => ({
      step: step._tag,
      outcome: outcome(exit),
      transaction: connection.transaction,
      isUsable: connection.isUsable()
    }))
  )

const perform = (connection: PgConnectionShape, step: Step): Effect.Effect<unknown, unknown> => {
  switch (step._tag) {
    case "Query":
      return ask(connection, step.statement, step.shape, step.prepare)
    case "Together":
      return Effect.forEach(
        step.statements,
        (each) => Effect.map(Effect.exit(ask(connection, each, "rows", true)), outcome),
        { concurrency: "unbounded" }
      )
    case "Pipeline":
      return Effect.map(
        Effect.suspend(() =>
          connection.pipeline(
            step.statements.map((each) => ({ sql: each.sql, parameters: parameters(connection, each) }))
          )
        ),
        (results) => results.map(resultOf)
      )
    case "Hold":
      return Effect.scoped(
        Effect.flatMap(connection.hold, (held) =>
          Effect.forEach(step.statements, (each) => Effect.map(Effect.exit(ask(held, each, "rows", true)), outcome))
        )
      )
    case "Script":
      return Effect.map(connection.script(step.sql), (results) => results.map(resultOf))
    case "Stream": {
      const stream = Stream.suspend(() =>
        connection.stream(step.statement.sql, parameters(connection, step.statement), { chunkSize: step.chunk })
      )
      return gathered(stream, step.take)
    }
    case "CopyIn": {
      const data = Stream.map(Stream.fromIterable(step.data), (text) => new TextEncoder().encode(text))
      const source = step.fails ? Stream.concat(data, Stream.fail("the source has failed")) : data
      return Stream.run(source, connection.copyIn(step.sql))
    }
    case "CopyOut":
      return gathered(
        Stream.map(connection.copyOut(step.sql), (bytes) => Buffer.from(bytes).toString()),
        step.take
      )
    case "Interrupted":
      return Effect.gen(function* () {
        // A cancel request that comes before the statement is run is in vain.
        const runs = yield* Effect.forkChild(Stream.runHead(connection.notices), { startImmediately: true })
        const fiber = yield* Effect.forkChild(connection.query(step.sql), { startImmediately: true })
        yield* Effect.raceFirst(Fiber.join(runs), Fiber.await(fiber))
        yield* Fiber.interrupt(fiber)
        return outcome(yield* Fiber.await(fiber))
      })
    case "Notify":
      return Effect.scoped(
        Effect.gen(function* () {
          const heard = yield* connection.listen("channel")
          yield* connection.notify("channel", step.payload)
          // Within a transaction it comes when that is committed.
          if (connection.transaction !== "idle") return "later"
          const { channel, payload, processId } = yield* Queue.take(heard)
          return [channel, payload, processId === connection.processId]
        })
      )
    case "Reset":
      return connection.reset
  }
}

const ask = (connection: PgConnectionShape, statement: Statement, shape: "rows" | "values", prepare: boolean) =>
  Effect.suspend((): Effect.Effect<unknown, PgError> => {
    const values = parameters(connection, statement)
    return shape === "rows"
      ? Effect.map(connection.query(statement.sql, values, { prepare }), resultOf)
      : Effect.map(connection.queryValues(statement.sql, values, { prepare }), resultOf)
  })

const parameters = ({ types }: PgConnectionShape, { values }: Statement): ReadonlyArray<unknown> =>
  values.map(([type, value]) => types.typed(type, value))

/** What a stream gives before it ends, fails, or is ended. */
const gathered = <A, E>(stream: Stream.Stream<A, E>, take: number): Effect.Effect<unknown> => {
  const given: Array<A> = []
  const limited = take === 0 ? stream : Stream.take(stream, take)
  return Effect.map(Effect.exit(Stream.runForEach(limited, (item) => Effect.sync(() => given.push(item)))), (exit) => [
    given,
    outcome(exit)
  ])
}

/** The object identifier of a table is another for each table. */
const resultOf = <A>({ command, fields, rowCount, rows }: PgResult<A>): unknown => ({
  rows,
  command,
  rowCount,
  fields: fields.map((field) => ({ ...field, tableOid: field.tableOid === 0 ? 0 : "a table" }))
})

const outcome = (exit: Exit.Exit<unknown, unknown>): unknown => {
  if (Exit.isSuccess(exit)) return exit.value
  if (Cause.hasInterruptsOnly(exit.cause)) return "interrupted"
  const error = Cause.squash(exit.cause)
  if (!(error instanceof PgError)) return error
  return error.reason._tag === "ConnectionLost" ? { ...error.reason, problem: "" } : error.reason
}
