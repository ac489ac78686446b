/** Many fibers on one connection; several statements in one go; scripts. */
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { eachDriver, reasonOf, until } from "./support/connecting.ts"

const numbers = (count: number) => Array.from({ length: count }, (_, index) => index)

eachDriver(({ connect, sessions, test }) => {
  test("a thousand fibers on one connection get their own answers", () =>
    Effect.gen(function* () {
      const connection = yield* connect()
      const answers = yield* Effect.forEach(
        numbers(1000),
        (index) => connection.query("SELECT $1::int AS number", [index]),
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual(
        answers.map(({ rows }) => rows[0]?.["number"]),
        numbers(1000)
      )
    }))

  test("what is asked goes out in order, without waiting for the answers before it", () =>
    Effect.gen(function* () {
      const connection = yield* connect()
      yield* connection.query("CREATE TEMPORARY SEQUENCE taken")
      const order: Array<number> = []
      const answers = yield* Effect.forEach(
        numbers(200),
        (index) =>
          Effect.tap(connection.query("SELECT nextval('taken') AS turn"), () => Effect.sync(() => order.push(index))),
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual(
        answers.map(({ rows }) => rows[0]?.["turn"]),
        numbers(200).map((index) => BigInt(index + 1))
      )
      assert.deepStrictEqual(order, numbers(200))
    }))

  test("an error of one is its own", () =>
    Effect.gen(function* () {
      const connection = yield* connect()
      const answers = yield* Effect.forEach(
        numbers(300),
        (index) =>
          Effect.result(
            index % 3 === 0 ? connection.query("SELECT 1 / $1::int AS x", [0]) : connection.query("SELECT 1 AS x")
          ),
        { concurrency: "unbounded" }
      )
      answers.forEach((answer, index) => {
        if (answer._tag === "Success") assert.deepStrictEqual(answer.success.rows, [{ x: 1 }])
        else assert.strictEqual(answer.failure.code, "22012")
        assert.strictEqual(answer._tag, index % 3 === 0 ? "Failure" : "Success")
      })
    }))

  test("each statement is a transaction of its own", () =>
    Effect.gen(function* () {
      const connection = yield* connect()
      const answers = yield* Effect.forEach(
        numbers(20),
        () => connection.queryValues("SELECT pg_current_xact_id()::text"),
        { concurrency: "unbounded" }
      )
      assert.strictEqual(new Set(answers.map(({ rows }) => rows[0]?.[0])).size, 20)
    }))

  test("statements of every kind follow each other", () =>
    Effect.gen(function* () {
      const connection = yield* connect()
      yield* connection.query("CREATE TEMPORARY TABLE kinds (x int)")
      const ask = (index: number): Effect.Effect<unknown, unknown> => {
        switch (index % 6) {
          case 0:
            return connection.query("SELECT $1::int AS x", [index])
          case 1:
            return connection.script(`SELECT ${index} AS x; SELECT 'y' AS y`)
          case 2:
            return connection.pipeline([{ sql: "SELECT 1 AS x" }, { sql: "SELECT $1::text AS y", parameters: ["y"] }])
          case 3:
            return Effect.flip(connection.query("SELECT 1 / 0"))
          case 4:
            return Effect.flip(connection.script("SELECT 1; SELECT 1/0; SELECT 2"))
          default:
            return connection.query("INSERT INTO kinds VALUES ($1)", [index])
        }
      }
      const answers = yield* Effect.forEach(numbers(120), ask, { concurrency: "unbounded" })
      assert.deepInclude(answers[6], { rows: [{ x: 6 }] })
      assert.deepInclude(answers[119], { command: "INSERT", rowCount: 1 })
      assert.deepStrictEqual((yield* connection.query("SELECT count(*)::int AS count FROM kinds")).rows, [
        { count: 20 }
      ])
    }))

  test("a pipeline gives the results of its statements", () =>
    Effect.gen(function* () {
      const connection = yield* connect()
      const results = yield* connection.pipeline([
        { sql: "CREATE TEMPORARY TABLE t (x int)" },
        { sql: "INSERT INTO t SELECT generate_series(1, $1::int)", parameters: [4] },
        { sql: "SELECT sum(x)::int AS sum FROM t" },
        { sql: "" }
      ])
      assert.deepStrictEqual(
        results.map(({ command, rowCount, rows }) => [command, rowCount, rows]),
        [
          ["CREATE TABLE", 0, []],
          ["INSERT", 4, []],
          ["SELECT", 1, [{ sum: 10 }]],
          ["", 0, []]
        ]
      )
      assert.deepStrictEqual(yield* connection.pipeline([]), [])
    }))

  test("a pipeline is one transaction, and its error is that of the statement which failed", () =>
    Effect.gen(function* () {
      const connection = yield* connect()
      yield* connection.query("CREATE TEMPORARY TABLE t (x int CONSTRAINT positive CHECK (x > 0))")
      const insert = (x: number) => ({ sql: "INSERT INTO t VALUES ($1)", parameters: [x] })
      for (const statements of [
        [insert(1), insert(-1), insert(2)],
        [insert(-1), insert(1)],
        [insert(1), insert(-1)],
        [insert(1), { sql: "SELECT nothing" }, insert(2)]
      ]) {
        const error = yield* Effect.flip(connection.pipeline(statements))
        assert.include(["23514", "42703"], error.code)
        assert.deepStrictEqual((yield* connection.query("SELECT * FROM t")).rows, [])
      }
      yield* connection.pipeline([insert(1), insert(2)])
      assert.deepStrictEqual((yield* connection.query("SELECT * FROM t")).rows, [{ x: 1 }, { x: 2 }])
    }))

  test("a pipeline in which something cannot be sent sends nothing", () =>
    Effect.gen(function* () {
      const connection = yield* connect()
      yield* connection.query("CREATE TEMPORARY SEQUENCE taken")
      const take = { sql: "SELECT nextval('taken')" }
      for (const bad of [
        { sql: "SELECT $1", parameters: [{}] },
        { sql: "SELECT $1", parameters: ["a\0"] },
        { sql: "SELECT \0" },
        { sql: "COPY pg_class TO STDOUT" },
        { sql: "SELECT 1", parameters: Array.from({ length: 65536 }, () => 1) }
      ]) {
        const reason = yield* reasonOf(connection.pipeline([take, bad, take]))
        assert.strictEqual(reason._tag, "InvalidInput", bad.sql)
      }
      assert.deepStrictEqual((yield* connection.query("SELECT nextval('taken') AS turn")).rows, [{ turn: 1n }])
    }))

  test("an error in a pipeline does not reach the statements of others", () =>
    Effect.gen(function* () {
      const connection = yield* connect()
      const answers = yield* Effect.all(
        [
          connection.query("SELECT 1 AS x"),
          Effect.flip(connection.pipeline([{ sql: "SELECT 2" }, { sql: "SELECT 1/0" }, { sql: "SELECT 3" }])),
          connection.query("SELECT 4 AS x")
        ],
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual([answers[0].rows, answers[1].code, answers[2].rows], [[{ x: 1 }], "22012", [{ x: 4 }]])
    }))

  test("a pipeline that is interrupted is cancelled, and the connection goes on", () =>
    Effect.gen(function* () {
      const connection = yield* connect()
      yield* connection.query("CREATE TEMPORARY TABLE t (x int)")
      const statements = [
        { sql: "INSERT INTO t VALUES (1)" },
        { sql: "SELECT pg_sleep(60)" },
        { sql: "INSERT INTO t VALUES (2)" }
      ]
      const running = yield* Effect.forkChild(connection.pipeline(statements))
      yield* until(sessions, (found) => found.some(({ isAsleep }) => isAsleep))
      yield* Fiber.interrupt(running)
      assert.isTrue(connection.isUsable())
      assert.deepStrictEqual((yield* connection.query("SELECT * FROM t")).rows, [])
    }))

  test("a pipeline that is interrupted as soon as it is asked leaves the connection usable", () =>
    Effect.gen(function* () {
      const connection = yield* connect()
      const statements = [{ sql: "SELECT 1" }, { sql: "SELECT 2" }, { sql: "SELECT 3" }]
      for (const together of [false, true]) {
        const other = together
          ? yield* Effect.forkChild(connection.query("SELECT pg_sleep(0.01)"), { startImmediately: true })
          : undefined
        const running = yield* Effect.forkChild(connection.pipeline(statements), { startImmediately: true })
        yield* Fiber.interrupt(running)
        if (other !== undefined) yield* Fiber.join(other)
        assert.lengthOf(yield* connection.pipeline(statements), 3)
      }
    }))

  test("a script gives a result for each statement, its values as text", () =>
    Effect.gen(function* () {
      const connection = yield* connect()
      const results = yield* connection.script(`
        CREATE TEMPORARY TABLE t (x int, y bytea);
        INSERT INTO t VALUES (1, 'ab'), (2, NULL);
        SELECT * FROM t ORDER BY x;
        SELECT now() = now() AS same, ARRAY[1, 2] AS two;
        SELECT WHERE false`)
      assert.deepStrictEqual(
        results.map(({ command, rowCount, rows }) => [command, rowCount, rows]),
        [
          ["CREATE TABLE", 0, []],
          ["INSERT", 2, []],
          [
            "SELECT",
            2,
            [
              { x: "1", y: "\\x6162" },
              { x: "2", y: null }
            ]
          ],
          ["SELECT", 1, [{ same: "t", two: "{1,2}" }]],
          ["SELECT", 0, []]
        ]
      )
      assert.deepStrictEqual(
        results[2]?.fields.map(({ name }) => name),
        ["x", "y"]
      )
    }))

  test("a script is one transaction", () =>
    Effect.gen(function* () {
      const connection = yield* connect()
      yield* connection.script("CREATE TEMPORARY TABLE t (x int)")
      const error = yield* Effect.flip(
        connection.script("INSERT INTO t VALUES (1); SELECT 1/0; INSERT INTO t VALUES (2)")
      )
      assert.strictEqual(error.code, "22012")
      assert.deepStrictEqual((yield* connection.query("SELECT * FROM t")).rows, [])
      yield* connection.script("BEGIN; INSERT INTO t VALUES (1); COMMIT; INSERT INTO t VALUES (2)")
      assert.lengthOf((yield* connection.query("SELECT * FROM t")).rows, 2)
    }))

  test("an empty script has one result, or none", () =>
    Effect.gen(function* () {
      const connection = yield* connect()
      const results = yield* connection.script("")
      for (const { command, rows } of results) assert.deepStrictEqual([command, rows], ["", []])
      assert.lengthOf((yield* connection.query("SELECT 1")).rows, 1)
    }))

  test("COPY in a script is refused, whatever stands before it, and the connection goes on", () =>
    Effect.gen(function* () {
      const connection = yield* connect()
      yield* connection.script("CREATE TEMPORARY TABLE t (x int)")
      for (const sql of [
        "COPY t FROM STDIN",
        "COPY t TO STDOUT",
        "SELECT 1; COPY t FROM STDIN; SELECT 2",
        "/* why */ COPY (SELECT generate_series(1, 10000)) TO STDOUT",
        "COPY t FROM STDIN; COPY t FROM STDIN"
      ]) {
        const error = yield* Effect.flip(connection.script(sql))
        assert.strictEqual(error.reason._tag, "InvalidInput", sql)
        assert.include(error.message, sql.includes("STDIN") ? "copyIn" : "copyOut")
        assert.deepStrictEqual((yield* connection.query("SELECT count(*)::int AS count FROM t")).rows, [{ count: 0 }])
      }
    }))

  test("COPY as a query is refused, and nothing is sent", () =>
    Effect.gen(function* () {
      const connection = yield* connect()
      for (const sql of [
        "COPY pg_class TO STDOUT",
        "copy pg_class from stdin",
        "\n COPY (SELECT 1) TO STDOUT BINARY"
      ]) {
        for (const prepare of [true, false]) {
          assert.strictEqual((yield* reasonOf(connection.query(sql, [], { prepare })))._tag, "InvalidInput")
        }
      }
      assert.lengthOf((yield* connection.query("SELECT 'COPY x FROM STDIN' AS x")).rows, 1)
    }))

  test("COPY as a query that does not look like one fails typed", () =>
    Effect.gen(function* () {
      for (const direction of ["FROM STDIN", "TO STDOUT"]) {
        const connection = yield* connect()
        yield* connection.script("CREATE TEMPORARY TABLE t (x int)")
        const reason = yield* reasonOf(connection.query(`/* a comment */ COPY t ${direction}`))
        assert.include(["Unsupported", "ConnectionLost"], reason._tag)
        const after = yield* Effect.result(connection.query("SELECT 1 AS one"))
        assert.strictEqual(after._tag === "Success", connection.isUsable())
      }
    }))
})
