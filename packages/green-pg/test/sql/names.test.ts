/** Names of columns and tables, changed on their way. */
import { assert, describe, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { PgClient } from "@effect/sql-pg/PgClient"
import { clientLayer, createTable, variants } from "./support/client.ts"

const camelToSnake = (name: string) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
const snakeToCamel = (name: string) => name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())
const transforms = { transformQueryNames: camelToSnake, transformResultNames: snakeToCamel }

describe.each(variants)("names ($driver, multiplex: $multiplex)", (variant) => {
  const table = createTable("user_id int, full_name text, extra_data jsonb")

  layer(clientLayer(variant, transforms), { excludeTestServices: true })("changed on their way", (it) => {
    it.effect("to the server and back, in JSON too", () =>
      Effect.gen(function* () {
        const sql = yield* PgClient
        const name = yield* table
        const user = { userId: 1, fullName: "Ada", extraData: sql.json({ firstName: { lastName: 1 } }) }
        yield* sql`INSERT INTO ${sql(name)} ${sql.insert(user)}`
        const expected = { userId: 1, fullName: "Ada", extraData: { firstName: { lastName: 1 } } }
        assert.deepStrictEqual(yield* sql`SELECT * FROM ${sql(name)} WHERE ${sql.in("userId", [1])}`, [expected])
        assert.deepStrictEqual(yield* sql`SELECT * FROM ${sql(name)}`.unprepared, [expected])
        assert.deepStrictEqual(yield* sql`SELECT * FROM ${sql(name)}`.stream.pipe(Stream.runCollect), [expected])
        assert.deepStrictEqual(yield* sql`SELECT extra_data FROM ${sql(name)}`.values, [
          [{ first_name: { last_name: 1 } }]
        ])
        assert.deepStrictEqual(yield* sql`SELECT extra_data->'first_name' AS "in" FROM ${sql(name)}`.withoutTransform, [
          { in: { last_name: 1 } }
        ])
        const plain = sql.withoutTransforms()
        assert.deepStrictEqual(yield* plain`SELECT user_id, full_name FROM ${plain(name)}`, [
          { user_id: 1, full_name: "Ada" }
        ])
        yield* plain`INSERT INTO ${plain(name)} ${plain.insert({ user_id: 2 })}`
      })
    )
  })

  layer(clientLayer(variant, { ...transforms, transformJson: false }), { excludeTestServices: true })(
    "with transformJson: false",
    (it) => {
      it.effect("are as they are within JSON", () =>
        Effect.gen(function* () {
          const sql = yield* PgClient
          const name = yield* table
          yield* sql`INSERT INTO ${sql(name)} ${sql.insert({ userId: 1, extraData: sql.json({ firstName: 1, last_name: 2 }) })}`
          assert.deepStrictEqual(yield* sql`SELECT user_id, extra_data FROM ${sql(name)}`, [
            { userId: 1, extraData: { firstName: 1, last_name: 2 } }
          ])
        })
      )
    }
  )
})
