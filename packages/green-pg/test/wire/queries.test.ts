/** The wire driver against a real server: statements, pipelines and their errors. */
import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { sharedServer } from "../support/postgres.ts"
import { ask, connected, libpq, settings, step, stepBlocking } from "./connected.ts"
import { connectWire, query, Recorder, run, script, settle, statement } from "./drive.ts"

const codeOf = (exchange: Recorder): string | undefined =>
  exchange.error?.code ?? exchange.error?.reason._tag ?? exchange.completion?.command

const row = (exchange: Recorder): unknown => exchange.rows[0]

layer(sharedServer)("the wire driver", (it) => {
  it.effect("reads rows as objects and as values, with NULLs, in the types of their columns", () =>
    Effect.gen(function* () {
      const driver = yield* connected()
      const objects = query("select $1::int4 as a, $2 as b, $3::int8 as c, null as d", [1, "größer", 5n])
      const values = query("select 1, 'x', true, null", [], { shape: "values" })
      const none = query("select 1 as a where false")
      yield* ask(driver, objects, values, none)
      assert.deepStrictEqual(row(objects), { a: 1, b: "größer", c: 5n, d: null })
      assert.deepStrictEqual(row(values), [1, "x", true, null])
      assert.deepStrictEqual(none.rows, [])
      assert.deepStrictEqual(
        none.completion?.fields.map(({ name }) => name),
        ["a"]
      )
      assert.deepStrictEqual(objects.heard.at(-1), "end")
    })
  )

  it.effect("says the command and the number of rows", () =>
    Effect.gen(function* () {
      const driver = yield* connected()
      const said: Array<unknown> = []
      for (const sql of [
        "create temp table t (a int)",
        "insert into t values (1), (2)",
        "update t set a = 3 where a = 2",
        "table t",
        "delete from t",
        ""
      ]) {
        const asked = query(sql)
        yield* ask(driver, asked)
        said.push([asked.completion?.command, asked.completion?.rowCount])
      }
      assert.deepStrictEqual(said, [
        ["CREATE TABLE", 0],
        ["INSERT", 2],
        ["UPDATE", 1],
        ["SELECT", 2],
        ["DELETE", 2],
        ["", 0]
      ])
    })
  )

  it.effect("works in the same way when the thread is blocked for it", () =>
    Effect.gen(function* () {
      const functions = yield* libpq
      const options = yield* settings
      const exit = stepBlocking(function* () {
        const driver = yield* connectWire(functions, options)
        const asked = query("select 1 as a")
        yield* run(driver, asked)
        driver.close()
        return asked.rows
      })
      assert.deepStrictEqual(exit, Exit.succeed([{ a: 1 }]))
    })
  )

  it.effect("answers a thousand queries on their way in their order", () =>
    Effect.gen(function* () {
      const driver = yield* connected()
      const doubled = statement("doubled")
      const asked = Array.from({ length: 1000 }, (_, n) =>
        query("select $1::int4 * 2 as n", [n], { statement: doubled })
      )
      yield* ask(driver, ...asked)
      assert.deepStrictEqual(
        asked.map(row),
        asked.map((_, n) => ({ n: n * 2 }))
      )
      assert.strictEqual(driver.outstanding, 0)
    })
  )

  it.effect("parses a statement once, and keeps its columns", () =>
    Effect.gen(function* () {
      const driver = yield* connected()
      const kept = statement("kept")
      const first = query("select $1::int4 as a", [1], { statement: kept })
      const second = query("select $1::int4 as a", [2], { statement: kept })
      driver.send(first)
      assert.strictEqual(kept.state, "parsing")
      driver.send(second)
      yield* step(() => settle(driver, [first, second]))
      assert.strictEqual(kept.state, "ready")
      assert.deepStrictEqual(
        kept.fields?.map(({ name, typeOid }) => [name, typeOid]),
        [["a", 23]]
      )
      const third = query("not looked at", [3], { statement: kept })
      yield* ask(driver, third)
      assert.deepStrictEqual([first, second, third].map(row), [{ a: 1 }, { a: 2 }, { a: 3 }])
      yield* ask(driver, new Recorder({ _tag: "Close", statement: kept }), query("select 1"))
      assert.strictEqual(kept.state, "new")
    })
  )

  it.effect("a statement that cannot be parsed is new again, and a query behind it fails with 26000", () =>
    Effect.gen(function* () {
      const driver = yield* connected()
      const wrong = statement("wrong")
      const first = query("selec", [], { statement: wrong })
      const second = query("selec", [], { statement: wrong })
      yield* ask(driver, first, second)
      assert.deepStrictEqual([codeOf(first), codeOf(second)], ["42601", "26000"])
      assert.strictEqual(wrong.state, "new")
    })
  )

  it.effect("a statement that was parsed for a query that failed gives its rows to the one behind", () =>
    Effect.gen(function* () {
      const driver = yield* connected()
      const number = statement("number")
      const first = query("select $1::int4 as a", ["no number"], { statement: number })
      const second = query("select $1::int4 as a", ["7"], { statement: number })
      yield* ask(driver, first, second)
      assert.strictEqual(codeOf(first), "22P02")
      assert.deepStrictEqual(second.rows, [{ a: 7 }])
    })
  )

  it.effect("an error ends what is behind it up to the next Sync, and nothing further", () =>
    Effect.gen(function* () {
      const driver = yield* connected()
      const fresh = statement("fresh")
      const asked = [
        query("select 1", [], { sync: false }),
        query("select 1/0", [], { sync: false }),
        query("select 2", [], { sync: false, statement: fresh }),
        query("select 3"),
        query("select 4")
      ]
      yield* ask(driver, ...asked)
      assert.deepStrictEqual(asked.map(codeOf), ["SELECT", "22012", "Aborted", "Aborted", "SELECT"])
      assert.strictEqual(fresh.state, "new")
      for (const { heard } of asked) assert.strictEqual(heard.filter((each) => each === "end").length, 1)
    })
  )

  it.effect("what is sent after an error and before a Sync is told, too", () =>
    Effect.gen(function* () {
      const driver = yield* connected()
      const failing = query("select 1/0", [], { sync: false })
      driver.send(failing)
      driver.send(query("select 1"))
      yield* step(() => settle(driver, [failing]))
      const late = query("select 2", [], { sync: false })
      yield* ask(driver, late, query("select 3"))
      assert.strictEqual(codeOf(late), "SELECT")
      const alone = query("selec", [], { sync: false })
      const flushed = new Recorder({ _tag: "Script", sql: "select 5" })
      yield* ask(driver, alone, flushed)
      assert.deepStrictEqual([codeOf(alone), codeOf(flushed)], ["42601", "SELECT"])
    })
  )

  it.effect("a constraint that is checked at the end of the transaction is an error and no completion", () =>
    Effect.gen(function* () {
      const driver = yield* connected()
      yield* ask(driver, script("create temp table d (a int unique deferrable initially deferred)"))
      const inserted = query("insert into d values (1), (1)")
      yield* ask(driver, inserted)
      assert.strictEqual(codeOf(inserted), "23505")
      assert.strictEqual(inserted.completion, undefined)
    })
  )

  it.effect("keeps every field of an error", () =>
    Effect.gen(function* () {
      const driver = yield* connected()
      yield* ask(driver, script("create temp table named (a int constraint positive check (a > 0))"))
      const wrong = query("insert into named values (-1)")
      const typo = query("select nothing")
      yield* ask(driver, wrong, typo)
      assert.include(wrong.error?.reason._tag === "Server" ? wrong.error.reason.message : {}, {
        severity: "ERROR",
        code: "23514",
        table: "named",
        constraint: "positive",
        detail: "Failing row contains (-1)."
      })
      assert.include(typo.error?.reason._tag === "Server" ? typo.error.reason.message : {}, {
        code: "42703",
        position: 8
      })
    })
  )
})
