/** Values of every type, to the server and back. */
import { assert } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Effect from "effect/Effect"
import { type PgConnectionShape, PgRange, PgTypes } from "green-pg"
import { PostgresServer } from "green-pg/testing"
import { inspect } from "node:util"
import { createDatabase } from "../support/postgres.ts"
import { orNull, scalars } from "../support/values.ts"
import { eachDriver, reasonOf, socketOf } from "./support/connecting.ts"

/**
 * The types of which the server makes one form of many, or refuses some values. Of these: what it gives back is to it
 * the same as what was sent, and comes back as it is.
 */
const canonical = new Set([
  ...["int4range", "int8range", "numrange", "tsrange", "tstzrange", "daterange"],
  ...["name", "xml", "jsonpath", "bpchar", "money", "tsvector", "tsquery", "pg_snapshot"],
  ...[
    "bit",
    "varbit",
    "date",
    "timestamp",
    "timestamptz",
    "time",
    "interval",
    "numeric",
    "cidr",
    "inet",
    "timetz",
    "xid8"
  ],
  ...["json", "jsonb", "tid", "line", "circle", "polygon", "path", "box", '"char"', "float4", "bool", "regproc"]
])

const isServer = (error: { readonly reason: { readonly _tag: string } }) => error.reason._tag === "Server"

/** To the server and back, beside how the server prints it; `undefined` when it refuses the value. */
const echo = (connection: PgConnectionShape, name: string, value: unknown) =>
  connection.queryValues(`SELECT $1, $1::text`, [connection.types.typed(name, value)]).pipe(
    Effect.map(({ rows }) => rows[0] ?? []),
    Effect.catch((error) => (isServer(error) ? Effect.undefined : Effect.fail(error)))
  )

eachDriver(({ connect, test }) => {
  for (const { name, values } of scalars) {
    test(`what is sent as ${name} comes back, alone and in an array, NULL among it`, () =>
      Effect.gen(function* () {
        const connection = yield* connect()
        const sent = yield* Arbitrary.sampleEffect(orNull(values), { count: 100 })
        const answers = yield* Effect.forEach(sent, (value) => echo(connection, name, value), {
          concurrency: "unbounded"
        })
        const good: Array<unknown> = []
        for (const [index, value] of sent.entries()) {
          const answer = answers[index]
          if (answer === undefined) {
            assert.isTrue(canonical.has(name), `the server refuses ${inspect(value)}`)
            continue
          }
          const [back, text] = answer
          if (!canonical.has(name)) assert.deepStrictEqual(back, value)
          const [again, printed] = (yield* echo(connection, name, back)) ?? []
          assert.deepStrictEqual(again, back)
          // Of XML the server drops what stands before a declaration only when it prints it.
          if (name !== "xml") assert.strictEqual(printed, text)
          good.push(back)
        }
        if (good.length === 0) return
        const array = connection.types.typed(`${name}[]`, good)
        const { rows } = yield* connection.queryValues(`SELECT $1`, [array])
        assert.deepStrictEqual(rows, [[good]])
      }))
  }

  test("what JavaScript says by itself is sent as the type that the statement asks for", () =>
    Effect.gen(function* () {
      const connection = yield* connect()
      const now = new Date(1_700_000_000_123)
      const { rows } = yield* connection.queryValues(
        `SELECT $1::int, $2::text, $3::numeric, $4::timestamptz, $5::bool, $6::bytea, $7::int[], $8::uuid, $9::int8, $10::date`,
        [
          1,
          "x",
          "1.50",
          now,
          true,
          Uint8Array.of(1, 2),
          [1, null, 3],
          "6b5d7a6e-6a5b-4d1c-9b7e-0123456789ab",
          9007199254740993n,
          "2024-02-29"
        ]
      )
      assert.deepStrictEqual(rows, [
        [
          1,
          "x",
          "1.50",
          now,
          true,
          Uint8Array.of(1, 2),
          [1, null, 3],
          "6b5d7a6e-6a5b-4d1c-9b7e-0123456789ab",
          9007199254740993n,
          "2024-02-29"
        ]
      ])
    }))

  test("NULL is null in every type", () =>
    Effect.gen(function* () {
      const connection = yield* connect()
      const columns = scalars.map(({ name }, index) => `NULL::${name} AS c${index}`)
      const { rows } = yield* connection.queryValues(`SELECT ${columns.join()}`)
      assert.deepStrictEqual(rows, [scalars.map(() => null)])
      assert.deepStrictEqual((yield* connection.queryValues("SELECT $1::int, $2::text[]", [null, undefined])).rows, [
        [null, null]
      ])
    }))

  test("arrays of any shape, ranges and multiranges come back", () =>
    Effect.gen(function* () {
      const connection = yield* connect()
      const { rows } = yield* connection.queryValues(
        `SELECT '{{{1,2},{3,4}},{{5,6},{7,NULL}}}'::int[], '{}'::text[], '[2:3]={a,b}'::text[], '[1,5)'::int4range,
                'empty'::int4range, '(,)'::numrange, '{[1,3),[7,9)}'::int4multirange, ROW(1, 'a', NULL)`
      )
      assert.deepStrictEqual(rows, [
        [
          [
            [
              [1, 2],
              [3, 4]
            ],
            [
              [5, 6],
              [7, null]
            ]
          ],
          [],
          ["a", "b"],
          PgRange.make(1, 5),
          PgRange.empty,
          PgRange.make(null, null),
          [PgRange.make(1, 3), PgRange.make(7, 9)],
          [1, "a", null]
        ]
      ])
    }))

  test("types of the database come back when they were loaded", () =>
    Effect.gen(function* () {
      const server = yield* PostgresServer
      const database = yield* createDatabase()
      const connection = yield* connect({ ...socketOf(server), database })
      yield* connection.script(`
        CREATE TYPE mood AS ENUM ('sad', 'so so', 'häppy');
        CREATE DOMAIN age AS int CHECK (VALUE >= 0);
        CREATE TYPE address AS (street text, "number" int, mood mood);
        CREATE TYPE person AS (name text, age age, homes address[]);
        CREATE TYPE floats AS RANGE (subtype = float8);
        CREATE SCHEMA "Other";
        CREATE TYPE "Other"."Mood" AS ENUM ('x')`)
      yield* connection.loadTypes(["person", "mood[]", "floats", '"Other"."Mood"'])
      const { types } = connection
      const home = { street: 'a "street", 1', number: null, mood: "häppy" }
      const person = { name: "Ann", age: 42, homes: [home, { ...home, mood: null }] }
      const { rows } = yield* connection.queryValues(
        `SELECT $1::person, $2::mood[], $3::floats, $4::"Other"."Mood", $5::age`,
        [
          types.typed("person", person),
          types.typed("mood[]", ["sad", null, "so so"]),
          types.typed("floats", PgRange.make(0.5, 1.5)),
          types.typed('"Other"."Mood"', "x"),
          7
        ]
      )
      assert.deepStrictEqual(rows, [[person, ["sad", null, "so so"], PgRange.make(0.5, 1.5), "x", 7]])

      const missing = yield* reasonOf(connection.loadTypes(["mood", "nowhere.nothing"]))
      assert(missing._tag === "InvalidInput")
      assert.include(missing.problem, "nowhere.nothing")
      yield* connection.loadTypes([])
    }))

  test("types may be shared by connections", () =>
    Effect.gen(function* () {
      const types = PgTypes.make()
      const [one, two] = [yield* connect({ types }), yield* connect({ types })]
      yield* one.loadTypes(["int4"])
      assert.strictEqual(one.types, two.types)
    }))
})
