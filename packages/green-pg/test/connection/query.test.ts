/** One statement: its parameters, its result, its errors. */
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { PgTypes } from "green-pg"
import { eachDriver, reasonOf } from "./support/connecting.ts"

eachDriver(({ connect, test }) => {
  test("a result has its rows, their columns, its command and its count", () =>
    Effect.gen(function* () {
      const connection = yield* connect()
      const { command, fields, rowCount, rows } = yield* connection.query(
        "SELECT number, number * 2 AS double FROM generate_series(1, $1::int) AS number",
        [3]
      )
      assert.deepStrictEqual(rows, [
        { number: 1, double: 2 },
        { number: 2, double: 4 },
        { number: 3, double: 6 }
      ])
      assert.deepStrictEqual([command, rowCount], ["SELECT", 3])
      assert.deepStrictEqual(
        fields.map(({ name, typeOid }) => [name, typeOid]),
        [
          ["number", PgTypes.OID.int4],
          ["double", PgTypes.OID.int4]
        ]
      )
    }))

  test("the columns of a table are told with the table and the modifier of their type", () =>
    Effect.gen(function* () {
      const connection = yield* connect()
      yield* connection.query("CREATE TEMPORARY TABLE priced (id int, price numeric(10, 2))")
      const { rows } = yield* connection.query("SELECT 'priced'::regclass::oid AS oid")
      const { fields } = yield* connection.query("SELECT price FROM priced")
      assert.deepStrictEqual(fields, [
        {
          name: "price",
          typeOid: PgTypes.OID.numeric,
          typeModifier: ((10 << 16) | 2) + 4,
          tableOid: Number(rows[0]?.["oid"]),
          columnNumber: 2
        }
      ])
    }))

  test("a result as values has an array for each row", () =>
    Effect.gen(function* () {
      const connection = yield* connect()
      const { rows } = yield* connection.queryValues("SELECT 1 AS a, 'x' AS a, NULL AS b UNION ALL SELECT 2, 'y', 'z'")
      assert.deepStrictEqual(rows, [
        [1, "x", null],
        [2, "y", "z"]
      ])
    }))

  test("of columns with the same name the last one counts", () =>
    Effect.gen(function* () {
      const connection = yield* connect()
      const { rows } = yield* connection.query("SELECT 1 AS a, 2 AS b, 3 AS a")
      assert.deepStrictEqual(rows, [{ a: 3, b: 2 }])
    }))

  test("a column may have any name", () =>
    Effect.gen(function* () {
      const connection = yield* connect()
      const { rows } = yield* connection.query(
        `SELECT 1 AS "__proto__", 2 AS "constructor", 3 AS "ä""'\`\${x}", 4 AS "toString"`
      )
      const [row = {}] = rows
      assert.deepStrictEqual(Object.entries(row), [
        ["__proto__", 1],
        ["constructor", 2],
        ["ä\"'`${x}", 3],
        ["toString", 4]
      ])
    }))

  test("statements that give no rows tell how many they changed", () =>
    Effect.gen(function* () {
      const connection = yield* connect()
      const told = (sql: string) =>
        Effect.map(connection.query(sql), ({ command, fields, rowCount, rows }) => {
          assert.deepStrictEqual([rows, fields], [[], []])
          return [command, rowCount]
        })
      assert.deepStrictEqual(yield* told("CREATE TEMPORARY TABLE t (id int)"), ["CREATE TABLE", 0])
      assert.deepStrictEqual(yield* told("INSERT INTO t SELECT generate_series(1, 5)"), ["INSERT", 5])
      assert.deepStrictEqual(yield* told("UPDATE t SET id = id + 1 WHERE id > 2"), ["UPDATE", 3])
      assert.deepStrictEqual(yield* told("DELETE FROM t WHERE id < 3"), ["DELETE", 2])
      assert.deepStrictEqual(yield* told("DO $$ BEGIN END $$"), ["DO", 0])
      assert.deepStrictEqual(yield* told("BEGIN"), ["BEGIN", 0])
      assert.deepStrictEqual(yield* told("COMMIT"), ["COMMIT", 0])
      const { command, rowCount, rows } = yield* connection.query("INSERT INTO t VALUES (9) RETURNING id")
      assert.deepStrictEqual([command, rowCount, rows], ["INSERT", 1, [{ id: 9 }]])
    }))

  test("rows without columns are rows", () =>
    Effect.gen(function* () {
      const connection = yield* connect()
      const { fields, rowCount, rows } = yield* connection.query("SELECT FROM generate_series(1, 3)")
      assert.deepStrictEqual([rows, fields, rowCount], [[{}, {}, {}], [], 3])
    }))

  test("an empty statement is no error", () =>
    Effect.gen(function* () {
      const connection = yield* connect()
      for (const sql of ["", "  ", ";", "-- nothing", "/* nothing */"]) {
        const { command, rowCount, rows } = yield* connection.query(sql)
        assert.deepStrictEqual([command, rowCount, rows], ["", 0, []], sql)
      }
      assert.lengthOf((yield* connection.query("SELECT 1")).rows, 1)
    }))

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

  test("a statement takes 65535 parameters, and one more is refused", () =>
    Effect.gen(function* () {
      const connection = yield* connect()
      const sql = (count: number) =>
        `SELECT count(*)::int AS count FROM (VALUES ${Array.from({ length: count }, (_, index) => `($${index + 1}::int)`).join()}) AS v`
      const values = (count: number) => Array.from({ length: count }, (_, index) => index)
      const { rows } = yield* connection.query(sql(65535), values(65535), { prepare: false })
      assert.deepStrictEqual(rows, [{ count: 65535 }])
      for (const prepare of [true, false]) {
        const error = yield* Effect.flip(connection.query("SELECT 1", values(65536), { prepare }))
        assert.strictEqual(error.reason._tag, "InvalidInput")
        assert.include(error.message, "65536 parameters")
      }
      assert.lengthOf((yield* connection.query("SELECT 1")).rows, 1)
    }))

  test("a row may have 1600 columns", () =>
    Effect.gen(function* () {
      const connection = yield* connect()
      const columns = Array.from({ length: 1600 }, (_, index) => index)
      const sql = `SELECT ${columns.map((index) => `${index} AS c${index}`).join()} FROM generate_series(1, 10)`
      const { rows } = yield* connection.query(sql)
      assert.lengthOf(rows, 10)
      for (const row of rows) assert.deepStrictEqual(Object.values(row), columns)
      const values = yield* connection.queryValues(sql)
      assert.deepStrictEqual(values.rows[9], columns)
    }))

  test("a value may be larger than every buffer, in both directions", () =>
    Effect.gen(function* () {
      const connection = yield* connect()
      const large = "0123456789".repeat(1_000_000)
      const { rows } = yield* connection.query("SELECT $1::text AS large, length($1) AS length, 1 AS small", [large])
      assert.strictEqual(rows[0]?.["large"], large)
      assert.deepStrictEqual([rows[0]?.["length"], rows[0]?.["small"]], [large.length, 1])
      const bytes = Uint8Array.from({ length: 10_000_000 }, (_, index) => index * 31)
      const back = yield* connection.query("SELECT $1::bytea AS bytes", [bytes])
      const found = back.rows[0]?.["bytes"]
      assert(found instanceof Uint8Array)
      assert.isTrue(Buffer.from(bytes).equals(found))
      assert.deepStrictEqual((yield* connection.query("SELECT 1 AS one")).rows, [{ one: 1 }])
    }))

  test("bytes of a result stay as they are when others follow", () =>
    Effect.gen(function* () {
      const connection = yield* connect()
      const first = yield* connection.query("SELECT decode(repeat('ab', 100), 'hex') AS bytes")
      yield* connection.query("SELECT decode(repeat('cd', 100), 'hex') AS bytes FROM generate_series(1, 1000)")
      assert.deepStrictEqual(first.rows, [{ bytes: new Uint8Array(100).fill(0xab) }])
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

  test("what the server reports of itself can be read, and follows", () =>
    Effect.gen(function* () {
      const connection = yield* connect()
      const { rows } = yield* connection.query("SELECT pg_backend_pid() AS pid, current_setting('server_version') AS v")
      assert.strictEqual(connection.processId, rows[0]?.["pid"])
      assert.strictEqual(connection.parameterStatus("server_version"), rows[0]?.["v"])
      assert.strictEqual(connection.parameterStatus("nothing"), undefined)
      yield* connection.query("SET timezone TO 'Asia/Tokyo'")
      assert.strictEqual(connection.parameterStatus("TimeZone"), "Asia/Tokyo")
    }))

  test("the state of the transaction is what the server said last", () =>
    Effect.gen(function* () {
      const connection = yield* connect()
      assert.strictEqual(connection.transaction, "idle")
      yield* connection.query("BEGIN")
      assert.strictEqual(connection.transaction, "in transaction")
      yield* Effect.flip(connection.query("SELECT 1/0"))
      assert.strictEqual(connection.transaction, "failed")
      const error = yield* Effect.flip(connection.query("SELECT 1"))
      assert.strictEqual(error.code, "25P02")
      yield* connection.query("ROLLBACK")
      assert.strictEqual(connection.transaction, "idle")
    }))
})
