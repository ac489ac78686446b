/** What a statement can fail with, and that the connection goes on. */
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { PgTypes } from "green-pg"
import { eachDriver, reasonOf } from "./support/connecting.ts"

eachDriver(({ connect, test }) => {
  test("several statements in one are refused by the server", () =>
    Effect.gen(function* () {
      const connection = yield* connect()
      for (const prepare of [true, false]) {
        const error = yield* Effect.flip(connection.query("SELECT 1; SELECT 2", [], { prepare }))
        assert.strictEqual(error.code, "42601")
        assert.include(error.message, "cannot insert multiple commands into a prepared statement")
      }
      assert.lengthOf((yield* connection.query("SELECT 1")).rows, 1)
    }))

  test("an error has the fields that the server sends", () =>
    Effect.gen(function* () {
      const connection = yield* connect()
      yield* connection.script(`
        CREATE TEMPORARY TABLE parents (id int CONSTRAINT parents_key PRIMARY KEY);
        CREATE TEMPORARY TABLE children (parent int NOT NULL CONSTRAINT children_parent REFERENCES parents)`)
      const reason = (sql: string) =>
        Effect.map(reasonOf(connection.query(sql)), (reason) => {
          assert(reason._tag === "Server")
          return reason.message
        })
      const syntax = yield* reason("SELECT nothing FROM parents")
      assert.deepInclude(syntax, { severity: "ERROR", code: "42703", position: 8, routine: "errorMissingColumn" })
      assert.strictEqual(syntax.message, 'column "nothing" does not exist')
      assert.isNumber(syntax.line)
      assert.strictEqual((yield* reason("SELECT '🎉é', nothing")).position, 14)

      const hinted = yield* reason("SELECT idd FROM parents")
      assert.strictEqual(hinted.hint, 'Perhaps you meant to reference the column "parents.id".')

      yield* connection.query("INSERT INTO parents VALUES (1)")
      assert.deepInclude(yield* reason("INSERT INTO parents VALUES (1)"), {
        code: "23505",
        constraint: "parents_key",
        table: "parents",
        detail: "Key (id)=(1) already exists."
      })
      assert.deepInclude(yield* reason("INSERT INTO children VALUES (2)"), {
        code: "23503",
        constraint: "children_parent",
        table: "children",
        detail: 'Key (parent)=(2) is not present in table "parents".'
      })
      assert.deepInclude(yield* reason("INSERT INTO children VALUES (NULL)"), { code: "23502", column: "parent" })

      const inner = yield* reason("DO $$ BEGIN EXECUTE 'SELECT nothing'; END $$")
      assert.deepInclude(inner, { internalQuery: "SELECT nothing", internalPosition: 8 })
      assert.include(inner.where, "PL/pgSQL function inline_code_block line 1 at EXECUTE")

      const raised = yield* reason(
        `DO $$ BEGIN RAISE 'ä' USING ERRCODE = 'GR001', DETAIL = 'd', HINT = 'h', COLUMN = 'c', CONSTRAINT = 'n',
           DATATYPE = 't', TABLE = 'b', SCHEMA = 's'; END $$`
      )
      assert.deepInclude(raised, {
        severity: "ERROR",
        code: "GR001",
        message: "ä",
        detail: "d",
        hint: "h",
        column: "c",
        constraint: "n",
        dataType: "t",
        table: "b",
        schema: "s"
      })
    }))

  test("after an error the connection goes on", () =>
    Effect.gen(function* () {
      const connection = yield* connect()
      for (const sql of ["SELECT 1/0", "nonsense", "SELECT * FROM nowhere", "SELECT 'x'::int"]) {
        assert.strictEqual((yield* Effect.flip(connection.query(sql))).reason._tag, "Server")
        assert.deepStrictEqual((yield* connection.query("SELECT 1 AS one")).rows, [{ one: 1 }])
      }
      assert.isTrue(connection.isUsable())
      assert.strictEqual(connection.transaction, "idle")
    }))

  test("an error while rows are sent is the error of the statement", () =>
    Effect.gen(function* () {
      const connection = yield* connect()
      const error = yield* Effect.flip(
        connection.query("SELECT 1 / (5000 - number) AS x FROM generate_series(1, 10000) AS number")
      )
      assert.strictEqual(error.code, "22012")
    }))

  test("a deferred constraint that fails at the end is the error of the statement", () =>
    Effect.gen(function* () {
      const connection = yield* connect()
      yield* connection.query("CREATE TEMPORARY TABLE d (id int CONSTRAINT d_id UNIQUE DEFERRABLE INITIALLY DEFERRED)")
      const error = yield* Effect.flip(connection.query("INSERT INTO d VALUES (1), (1)"))
      assert.strictEqual(error.code, "23505")
      assert.deepStrictEqual((yield* connection.query("SELECT * FROM d")).rows, [])
    }))

  test("a parameter that is missing is an error of the server", () =>
    Effect.gen(function* () {
      const connection = yield* connect()
      for (const prepare of [true, false]) {
        const error = yield* Effect.flip(connection.query("SELECT $1::int AS one", [], { prepare }))
        assert.strictEqual(error.code, "08P01")
      }
      assert.deepStrictEqual((yield* connection.query("SELECT $1::int AS one", [1])).rows, [{ one: 1 }])
    }))

  test("a NUL in the statement, a text or an identifier is refused, and nothing is sent", () =>
    Effect.gen(function* () {
      const connection = yield* connect()
      const refused = [
        connection.query("SELECT 1\0"),
        connection.queryValues("SELECT 1\0", [], { prepare: false }),
        connection.script("SELECT 1; \0DROP TABLE x"),
        connection.pipeline([{ sql: "SELECT 1" }, { sql: "SELECT \0" }]),
        connection.query("SELECT $1::text", ["a\0b"]),
        connection.query("SELECT $1::text", [PgTypes.text("a\0b")], { prepare: false }),
        connection.query("SELECT $1", [["a\0"]]),
        Effect.scoped(connection.listen("a\0b")),
        connection.notify("a\0b"),
        connection.loadTypes(["a\0b"])
      ]
      for (const [index, effect] of refused.entries()) {
        const reason = yield* reasonOf<unknown, never>(effect)
        assert.strictEqual(reason._tag, "InvalidInput", `${index}`)
      }
      assert.deepStrictEqual((yield* connection.query("SELECT $1::text AS text", ["ok"])).rows, [{ text: "ok" }])
    }))

  test("a parameter that cannot be sent is named, and nothing is sent", () =>
    Effect.gen(function* () {
      const connection = yield* connect()
      const cases: ReadonlyArray<readonly [unknown, string]> = [
        [{}, "$2"],
        [Symbol("s"), "$2"],
        [PgTypes.int2(70000), "$2"],
        [PgTypes.uuid("no"), "$2"],
        [[[1], [1, 2]], "$2"],
        ["\ud800", "$2"]
      ]
      for (const [value, named] of cases) {
        const error = yield* Effect.flip(connection.query("SELECT $1::int, $2::text", [1, value]))
        assert.strictEqual(error.reason._tag, "InvalidInput", String(value))
        assert.include(error.message, named)
      }
      assert.deepStrictEqual((yield* connection.query("SELECT 1 AS one")).rows, [{ one: 1 }])
    }))

  test("what the server refuses to hold is its error, not ours", () =>
    Effect.gen(function* () {
      const connection = yield* connect()
      const error = yield* Effect.flip(connection.query("SELECT repeat('x', 1100000000) AS huge"))
      assert.strictEqual(error.code, "54000")
      assert.lengthOf((yield* connection.query("SELECT 1")).rows, 1)
    }))

  test("a value that cannot be read is an error that names its column, and the connection goes on", () =>
    Effect.gen(function* () {
      const connection = yield* connect()
      const types = connection.types
      types.register(PgTypes.OID.int2, {
        encode: () => Result.succeed(new Uint8Array(2)),
        decode: () => Result.fail(new PgTypes.CodecError({ message: "nobody reads this" }))
      })
      const answers = yield* Effect.all(
        [
          Effect.exit(connection.query("SELECT 1 AS before")),
          reasonOf(connection.query("SELECT 1 AS one, 2::int2 AS two FROM generate_series(1, 5000)")),
          connection.query("SELECT 3 AS after")
        ],
        { concurrency: "unbounded" }
      )
      const [, reason, after] = answers
      assert(reason._tag === "UnreadableValue")
      assert.strictEqual(reason.column, "two")
      assert.include(reason.problem, "nobody reads this")
      assert.deepStrictEqual(after.rows, [{ after: 3 }])
    }))
})
