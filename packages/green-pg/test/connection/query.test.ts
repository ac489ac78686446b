/** One statement: its parameters and its result. */
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { PgTypes } from "green-pg"
import { eachDriver } from "./support/connecting.ts"

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
