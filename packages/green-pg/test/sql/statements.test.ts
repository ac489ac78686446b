/** Statements of effect/sql: the template and its helpers, and each way to run one. */
import { assert, describe, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as SqlClient from "effect/sql/SqlClient"
import { PgClient } from "@effect/sql-pg/PgClient"
import { PgPool, PgRange, PgTypes } from "green-pg"
import { clientLayer, createTable, variants } from "./support/client.ts"

interface Person {
  readonly id: number
  readonly name: string
  readonly age: number | null
}

const people = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const table = yield* createTable("id int PRIMARY KEY GENERATED ALWAYS AS IDENTITY, name text, age int")
  yield* sql`INSERT INTO ${sql(table)} ${sql.insert([
    { name: "Ada", age: 36 },
    { name: "Bertha", age: null },
    { name: "Cleo", age: 12 }
  ])}`
  const all = sql<Person>`SELECT * FROM ${sql(table)} ORDER BY id`
  return { sql, table: sql(table), name: table, all }
})

describe.each(variants)("statements ($driver, multiplex: $multiplex)", (variant) => {
  layer(clientLayer(variant), { excludeTestServices: true })((it) => {
    it.effect("give rows as objects, with a type for each value", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const date = new Date("2026-01-02T03:04:05.678Z")
        assert.deepStrictEqual(
          yield* sql`SELECT ${1} AS int, ${2n} AS big, ${0.5} AS float, ${true} AS bool, ${"é"} AS text, ${null} AS nothing,
            ${date} AS date, ${new Uint8Array([1, 2])} AS bytes, ${[1, 2]} AS ints`,
          [
            {
              int: 1,
              big: 2n,
              float: 0.5,
              bool: true,
              text: "é",
              nothing: null,
              date,
              bytes: new Uint8Array([1, 2]),
              ints: [1, 2]
            }
          ]
        )
      })
    )

    it.effect("insert one record, or many, and return what was inserted", () =>
      Effect.gen(function* () {
        const { sql, table } = yield* people
        assert.deepStrictEqual(
          yield* sql`INSERT INTO ${table} ${sql.insert({ name: "Dora", age: 1 }).returning("*")}`,
          [{ id: 4, name: "Dora", age: 1 }]
        )
        assert.deepStrictEqual(
          yield* sql`INSERT INTO ${table} ${sql.insert([{ name: "Ella" }, { name: "Fay" }])} RETURNING id, age`,
          [
            { id: 5, age: null },
            { id: 6, age: null }
          ]
        )
      })
    )

    it.effect("update a record, without what is left out", () =>
      Effect.gen(function* () {
        const { all, sql, table } = yield* people
        const ada = { id: 1, name: "Ada L.", age: 37 }
        assert.deepStrictEqual(
          yield* sql`UPDATE ${table} SET ${sql.update(ada, ["id"])} WHERE id = ${ada.id} RETURNING *`,
          [ada]
        )
        assert.deepStrictEqual(yield* sql`UPDATE ${table} SET ${sql.update({ age: 0 }).returning("name")}`, [
          { name: "Bertha" },
          { name: "Cleo" },
          { name: "Ada L." }
        ])
        assert.deepStrictEqual(
          (yield* all).map(({ age }) => age),
          [0, 0, 0]
        )
      })
    )

    it.effect("update many records in one go", () =>
      Effect.gen(function* () {
        const { all, sql, table } = yield* people
        yield* sql`UPDATE ${table} AS people SET age = data.age FROM ${sql.updateValues(
          [
            { id: 1, age: 40 },
            { id: 3, age: 41 }
          ],
          "data"
        )} WHERE people.id = data.id`
        assert.deepStrictEqual(
          (yield* all).map(({ age }) => age),
          [40, null, 41]
        )
      })
    )

    it.effect("select by in, and, or, csv and join; an empty in finds nothing", () =>
      Effect.gen(function* () {
        const { sql, table } = yield* people
        const names = (condition: ReturnType<typeof sql.and>) =>
          Effect.map(sql<Person>`SELECT * FROM ${table} WHERE ${condition} ORDER BY ${sql.csv(["id"])}`, (rows) =>
            rows.map(({ name }) => name)
          )
        assert.deepStrictEqual(yield* names(sql.in("name", ["Ada", "Cleo"])), ["Ada", "Cleo"])
        assert.deepStrictEqual(yield* names(sql`name IN ${sql.in(["Bertha"])}`), ["Bertha"])
        assert.deepStrictEqual(yield* names(sql.in("name", [])), [])
        assert.deepStrictEqual(yield* names(sql.and([sql.in("id", [1, 2]), sql`age IS NULL`])), ["Bertha"])
        assert.deepStrictEqual(yield* names(sql.or([sql`id = ${3}`, "age > 30"])), ["Ada", "Cleo"])
        assert.deepStrictEqual(yield* names(sql.join(" AND NOT ", false)([sql`id > ${1}`, sql`id = ${3}`])), ["Bertha"])
        assert.deepStrictEqual(
          yield* sql`SELECT age IS NULL AS unknown, count(*)::int FROM ${table} ${sql.csv("GROUP BY", [sql`age IS NULL`])} ORDER BY 1`,
          [
            { unknown: false, count: 2 },
            { unknown: true, count: 1 }
          ]
        )
      })
    )

    it.effect("speak the dialect of PostgreSQL", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const other = () => "other"
        assert.strictEqual(
          sql.onDialect({ pg: () => "pg", sqlite: other, mysql: other, mssql: other, clickhouse: other }),
          "pg"
        )
        assert.strictEqual(sql.onDialectOrElse({ pg: () => "pg", orElse: other }), "pg")
        assert.strictEqual(sql.driver, "green-pg")
      })
    )

    it.effect("quote identifiers, also odd ones", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const odd = `an "odd"; name`
        assert.deepStrictEqual(yield* sql`SELECT ${1} AS ${sql(odd)}`, [{ [odd]: 1 }])
      })
    )

    it.effect("take literals and unsafe text as they are", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        assert.deepStrictEqual(yield* sql`SELECT ${sql.literal("1 + 1")} AS two`, [{ two: 2 }])
        assert.deepStrictEqual(yield* sql.unsafe("SELECT $1::int + $2 AS sum", [1, 2]), [{ sum: 3 }])
        assert.deepStrictEqual(yield* sql.safe`SELECT ${1} AS one`, [{ one: 1 }])
      })
    )

    it.effect("give values as arrays, in the order of the columns", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const statement = sql`SELECT ${1} AS same, ${"two"} AS same`
        assert.deepStrictEqual(yield* statement.values, [[1, "two"]])
        assert.deepStrictEqual(yield* statement.valuesUnprepared, [[1, "two"]])
        assert.deepStrictEqual(yield* statement, [{ same: "two" }])
      })
    )

    it.effect("give the raw result: rows, fields, command and how many", () =>
      Effect.gen(function* () {
        const { sql, table } = yield* people
        const selected = yield* sql`SELECT name FROM ${table} WHERE id = ${1}`.raw
        assert.deepInclude(selected, { rows: [{ name: "Ada" }], command: "SELECT", rowCount: 1 })
        assert.nestedPropertyVal(selected, "fields[0].name", "name")
        assert.nestedPropertyVal(selected, "fields[0].typeOid", PgTypes.OID.text)
        assert.deepInclude(yield* sql`DELETE FROM ${table}`.raw, { rows: [], command: "DELETE", rowCount: 3 })
      })
    )

    it.effect("are kept on the server, but for those that are run unprepared", () =>
      Effect.gen(function* () {
        const pool = yield* PgPool
        yield* Effect.scoped(
          Effect.gen(function* () {
            const sql = yield* SqlClient.SqlClient
            const connection = yield* sql.reserve
            const kept = Effect.map(
              connection.executeValuesUnprepared(
                "SELECT statement FROM pg_prepared_statements WHERE statement LIKE '%kept' ORDER BY 1",
                []
              ),
              (rows) => rows.flat()
            )
            yield* connection.executeUnprepared("SELECT $1::int AS not_kept", [1], undefined)
            yield* connection.executeValuesUnprepared("SELECT $1::int AS never_kept", [1])
            assert.deepStrictEqual(yield* kept, [])
            yield* connection.execute("SELECT $1::int AS kept", [1], undefined)
            yield* connection.executeValues("SELECT $1::int AS also_kept", [1])
            assert.deepStrictEqual(yield* kept, ["SELECT $1::int AS also_kept", "SELECT $1::int AS kept"])
          })
        )
        assert.strictEqual((yield* pool.stats).used, 0)
      })
    )

    it.effect("stream their rows", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const rows = yield* sql<{ n: number }>`SELECT n FROM generate_series(1, ${5000}::int) AS n`.stream.pipe(
          Stream.runCollect
        )
        assert.strictEqual(rows.length, 5000)
        assert.deepStrictEqual(
          rows.map(({ n }) => n),
          Array.from({ length: 5000 }, (_, index) => index + 1)
        )
      })
    )

    it.effect("stream no more than is taken, and leave the connection usable", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const rows = yield* sql`SELECT n FROM generate_series(1, 1000000) AS n`.stream.pipe(
          Stream.take(2),
          Stream.runCollect
        )
        assert.deepStrictEqual(rows, [{ n: 1 }, { n: 2 }])
        assert.deepStrictEqual(yield* sql`SELECT ${1} AS after`, [{ after: 1 }])
        assert.strictEqual((yield* (yield* PgPool).stats).used, 0)
      })
    )

    it.effect("can be run for each row of a stream", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const doubled = yield* sql<{ n: number }>`SELECT n FROM generate_series(1, 5) AS n`.stream.pipe(
          Stream.mapEffect(({ n }) => sql<{ d: number }>`SELECT ${n} * 2 AS d`),
          Stream.runCollect
        )
        assert.deepStrictEqual(doubled.flat(), [{ d: 2 }, { d: 4 }, { d: 6 }, { d: 8 }, { d: 10 }])
      })
    )

    it.effect("take JSON, and wrap it for the server", () =>
      Effect.gen(function* () {
        const sql = yield* PgClient
        const table = yield* createTable("id int, data jsonb")
        const data = { aKey: [1, { bKey: null }], text: "é" }
        yield* sql`INSERT INTO ${sql(table)} ${sql.insert({ id: 1, data: sql.json(data) })}`
        yield* sql`UPDATE ${sql(table)} SET data = new.data FROM ${sql.updateValues([{ id: 1, data: sql.json({ changed: data }) }], "new")}`
        assert.deepStrictEqual(yield* sql`SELECT data FROM ${sql(table)}`, [{ data: { changed: data } }])
        assert.deepStrictEqual(yield* sql`SELECT ${sql.json(null)}::jsonb IS NULL AS "isNull"`, [{ isNull: true }])
      })
    )

    it.effect("take parameters with a type of their own", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const names = yield* Effect.fromResult(PgTypes.array(["a"], PgTypes.OID.varchar))
        assert.deepStrictEqual(
          yield* sql`SELECT pg_typeof(${PgTypes.int2(1)})::text AS a, pg_typeof(${PgTypes.numeric("1.50")})::text AS b,
            ${PgTypes.numeric("1.50")} AS c, pg_typeof(${names})::text AS d, ${PgTypes.int4range(PgRange.make(1, 3))} AS e`,
          [{ a: "smallint", b: "numeric", c: "1.50", d: "character varying[]", e: PgRange.make(1, 3) }]
        )
      })
    )

    it.effect("refuse an object that has no type, and say how to wrap it", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const error = yield* Effect.flip(sql`SELECT ${{ a: 1 }}::jsonb`)
        assert.strictEqual(error.reason._tag, "UnknownError")
        assert.match(error.message, /^query: parameter \$1 cannot be sent: cannot infer .*PgTypes\.jsonb\(value\)/)
        assert.deepStrictEqual(yield* sql`SELECT ${1} AS after`, [{ after: 1 }])
      })
    )

    it.effect("give and take types of the database on every connection, once one has loaded them", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        yield* sql`CREATE TYPE mood AS ENUM ('glad', 'sad')`
        yield* sql`CREATE TYPE person AS (name text, mood mood)`
        const types = yield* PgPool.use((pool) =>
          pool.use((connection) => Effect.as(connection.loadTypes(["person", "mood[]"]), connection.types))
        )
        const ada = { name: "Ada", mood: "glad" }
        const rows = yield* Effect.forEach(
          [1, 2, 3, 4],
          () => sql`SELECT ${types.typed("person", ada)} AS person, ${types.typed("mood[]", ["sad"])} AS moods`,
          { concurrency: "unbounded" }
        )
        for (const row of rows) assert.deepStrictEqual(row, [{ person: ada, moods: ["sad"] }])
        yield* sql`DROP TYPE person, mood`
      })
    )

    it.effect("go by the driver that was asked for", () =>
      Effect.gen(function* () {
        const driver = PgPool.use((pool) => pool.use(({ driver }) => Effect.succeed(driver)))
        assert.strictEqual(yield* driver, variant.driver)
      })
    )

    it.effect("are one statement each", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const error = yield* Effect.flip(sql`SELECT 1; SELECT 2`)
        assert.strictEqual(error.reason._tag, "SqlSyntaxError")
      })
    )

    it.effect("that many fibers run at the same time get their own rows each", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const answers = yield* Effect.forEach(
          Array.from({ length: 300 }, (_, index) => index),
          (index) =>
            Effect.match(index % 7 === 3 ? sql`SELECT ${index}::int / 0 AS n` : sql`SELECT ${index}::int AS n`, {
              onFailure: ({ reason }) => [reason.message],
              onSuccess: (rows) => rows
            }),
          { concurrency: "unbounded" }
        )
        answers.forEach((answer, index) => {
          if (index % 7 === 3) assert.deepStrictEqual(answer, ["query: division by zero (22012)"])
          else assert.deepStrictEqual(answer, [{ n: index }])
        })
      })
    )
  })
})
