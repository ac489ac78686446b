/** What others have written for effect/sql: schemas, resolvers, models, migrations, reactive queries. */
import * as PgMigrator from "@effect/sql-pg/PgMigrator"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, layer } from "@effect/vitest"
import * as DateTime from "effect/DateTime"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import * as Reactivity from "effect/reactivity/Reactivity"
import * as Schema from "effect/Schema"
import * as Model from "effect/schema/Model"
import * as Migrator from "effect/sql/Migrator"
import * as SqlClient from "effect/sql/SqlClient"
import * as SqlModel from "effect/sql/SqlModel"
import * as SqlResolver from "effect/sql/SqlResolver"
import * as SqlSchema from "effect/sql/SqlSchema"
import * as Stream from "effect/Stream"
import * as Fs from "node:fs/promises"
import { tmpdir } from "node:os"
import * as Path from "node:path"
import { clientLayer, createTable, Database, variants } from "./support/client.ts"

class User extends Schema.Class<User>("User")({
  id: Schema.Int,
  name: Schema.String,
  born: Schema.NullOr(Schema.Date)
}) {}

class Post extends Model.Class<Post>("Post")({
  id: Model.GeneratedByApp(Schema.Int),
  title: Schema.String,
  tags: Schema.Array(Schema.String),
  createdAt: Model.DateTimeInsertFromDate,
  updatedAt: Model.DateTimeUpdateFromDate
}) {}

const users = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const name = yield* createTable("id int PRIMARY KEY, name text, born timestamptz")
  yield* sql`INSERT INTO ${sql(name)} SELECT n, 'user ' || n, NULL FROM generate_series(1, 20) AS n`
  return { sql, table: sql(name) }
})

describe.each(variants)("on effect/sql ($driver, multiplex: $multiplex)", (variant) => {
  layer(clientLayer(variant), { excludeTestServices: true })((it) => {
    it.effect("SqlSchema encodes what is asked, and decodes what is found", () =>
      Effect.gen(function* () {
        const { sql, table } = yield* users
        const born = new Date("1815-12-10T00:00:00Z")
        const insert = SqlSchema.void({
          Request: User,
          execute: (user) => sql`INSERT INTO ${table} ${sql.insert({ ...user })}`
        })
        yield* insert(new User({ id: 100, name: "Ada", born }))
        const byName = {
          Request: Schema.String,
          Result: User,
          execute: (name: string) => sql`SELECT * FROM ${table} WHERE name = ${name}`
        }
        assert.deepStrictEqual(yield* SqlSchema.findOne(byName)("Ada"), new User({ id: 100, name: "Ada", born }))
        assert.deepStrictEqual(yield* SqlSchema.findAll(byName)("nobody"), [])
        assert.deepStrictEqual(yield* SqlSchema.findOneOption(byName)("nobody"), Option.none())
        const wrong = SqlSchema.findAll({ ...byName, Result: Schema.Struct({ name: Schema.Int }) })
        assert.strictEqual((yield* Effect.flip(wrong("Ada")))._tag, "SchemaError")
      })
    )

    it.effect("SqlResolver asks once for many: by id, in order, in groups, for nothing", () =>
      Effect.gen(function* () {
        const { sql, table } = yield* users
        let asked = 0
        const byId = SqlResolver.findById({
          Id: Schema.Int,
          Result: User,
          ResultId: (user) => user.id,
          execute: (ids) => {
            asked++
            return sql`SELECT * FROM ${table} WHERE ${sql.in("id", ids)}`
          }
        })
        const found = yield* Effect.forEach([3, 1, 2, 3], SqlResolver.request(byId), { concurrency: "unbounded" })
        assert.deepStrictEqual(
          found.map(({ name }) => name),
          ["user 3", "user 1", "user 2", "user 3"]
        )
        assert.strictEqual(asked, 1)
        assert.strictEqual((yield* Effect.flip(SqlResolver.request(99, byId)))._tag, "NoSuchElementError")

        const ordered = SqlResolver.ordered({
          Request: Schema.String,
          Result: Schema.Struct({ length: Schema.Int }),
          execute: (texts) => sql`SELECT length(t) FROM unnest(${texts}::text[]) WITH ORDINALITY AS u(t, n) ORDER BY n`
        })
        assert.deepStrictEqual(
          yield* Effect.forEach(["a", "ccc", "bb"], SqlResolver.request(ordered), { concurrency: "unbounded" }),
          [{ length: 1 }, { length: 3 }, { length: 2 }]
        )

        const grouped = SqlResolver.grouped({
          Request: Schema.Int,
          RequestGroupKey: (remainder) => remainder,
          Result: User,
          ResultGroupKey: (user) => user.id % 3,
          execute: (remainders) => sql`SELECT * FROM ${table} WHERE id % 3 IN ${sql.in(remainders)} ORDER BY id`
        })
        const groups = yield* Effect.forEach([0, 2], SqlResolver.request(grouped), { concurrency: "unbounded" })
        assert.deepStrictEqual(
          groups.map((group) => group.map(({ id }) => id)),
          [
            [3, 6, 9, 12, 15, 18],
            [2, 5, 8, 11, 14, 17, 20]
          ]
        )

        const remove = SqlResolver.void({
          Request: Schema.Int,
          execute: (ids) => sql`DELETE FROM ${table} WHERE ${sql.in("id", ids)}`
        })
        yield* Effect.forEach([1, 2], SqlResolver.request(remove), { concurrency: "unbounded", discard: true })
        assert.deepStrictEqual(yield* sql`SELECT count(*)::int FROM ${table}`, [{ count: 18 }])
      })
    )

    it.effect("SqlResolver keeps what is asked in a transaction within it", () =>
      Effect.gen(function* () {
        const { sql, table } = yield* users
        const byId = SqlResolver.findById({
          Id: Schema.Int,
          Result: User,
          ResultId: (user) => user.id,
          execute: (ids) => sql`SELECT * FROM ${table} WHERE ${sql.in("id", ids)}`
        })
        const name = Effect.map(SqlResolver.request(1, byId), (user) => user.name)
        const changed = yield* Deferred.make<void>()
        const outside = yield* Effect.forkChild(Effect.andThen(Deferred.await(changed), name))
        const inside = yield* sql.withTransaction(
          Effect.gen(function* () {
            yield* sql`UPDATE ${table} SET name = 'changed' WHERE id = 1`
            yield* Deferred.succeed(changed, undefined)
            return yield* name.pipe(Effect.zipWith(Fiber.join(outside), (a, b) => [a, b], { concurrent: true }))
          })
        )
        assert.deepStrictEqual(inside, ["changed", "user 1"])
      })
    )

    it.effect("SqlModel makes a repository of a model", () =>
      Effect.gen(function* () {
        const tableName = yield* createTable(
          `id int PRIMARY KEY, title text, tags text[], "createdAt" timestamptz, "updatedAt" timestamptz`
        )
        const options = { tableName, spanPrefix: "Posts", idColumn: "id" } as const
        const posts = yield* SqlModel.makeRepository(Post, options)
        const inserted = yield* posts.insert(Post.insert.make({ id: 1, title: "one", tags: ["a", "b"] }))
        assert.deepInclude(inserted, { id: 1, title: "one", tags: ["a", "b"] })
        assert.isTrue(DateTime.isDateTime(inserted.createdAt))
        assert.deepStrictEqual(yield* posts.findById(1), inserted)
        const updated = yield* posts.update(Post.update.make({ id: 1, title: "two", tags: [] }))
        assert.deepInclude(updated, { id: 1, title: "two", tags: [], createdAt: inserted.createdAt })
        yield* posts.insertVoid(Post.insert.make({ id: 2, title: "three", tags: [] }))
        yield* posts.delete(1)
        assert.strictEqual((yield* Effect.flip(posts.findById(1)))._tag, "NoSuchElementError")

        const resolvers = yield* SqlModel.makeResolvers(Post, options)
        const made = yield* Effect.forEach(
          ["x", "y"],
          (title, index) =>
            SqlResolver.request(Post.insert.make({ id: index + 3, title, tags: [title] }), resolvers.insert),
          { concurrency: "unbounded" }
        )
        assert.deepStrictEqual(
          made.map(({ id, tags }) => ({ id, tags })),
          [
            { id: 3, tags: ["x"] },
            { id: 4, tags: ["y"] }
          ]
        )
        assert.strictEqual((yield* SqlResolver.request(4, resolvers.findById)).title, "y")
      })
    )

    it.effect("Migrator runs what is new, once, also when many start it", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const table = "migrations"
        const first = {
          "1_create": SqlClient.SqlClient.use((sql) => Effect.asVoid(sql`CREATE TABLE migrated (id int)`)),
          "2_fill": SqlClient.SqlClient.use((sql) => Effect.asVoid(sql`INSERT INTO migrated VALUES (1)`))
        }
        const run = (migrations: Parameters<typeof Migrator.fromRecord>[0]) =>
          Migrator.make({})({ loader: Migrator.fromRecord(migrations), table })
        const done = yield* Effect.all([run(first), run(first), run(first)], { concurrency: "unbounded" })
        assert.deepStrictEqual(done.flat(), [
          [1, "create"],
          [2, "fill"]
        ])
        const failing = { ...first, "3_wrong": Effect.andThen(first["2_fill"], Effect.fail("wrong")) }
        assert.propertyVal(yield* Effect.flip(run(failing)), "kind", "Failed")
        assert.deepStrictEqual(yield* sql`SELECT count(*)::int FROM migrated`, [{ count: 1 }])
        assert.deepStrictEqual(yield* run({ ...first, "3_right": first["2_fill"] }), [[3, "right"]])
        yield* sql`DROP TABLE migrated, ${sql(table)}`
      })
    )

    it.effect("PgMigrator of @effect/sql-pg runs, and finds what it dumps the schema with", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const { name, options } = yield* Database
        const directory = yield* Effect.acquireRelease(
          Effect.promise(() => Fs.mkdtemp(Path.join(tmpdir(), "green-pg-migrations-"))),
          (directory) => Effect.promise(() => Fs.rm(directory, { recursive: true }))
        )
        // There may be no pg_dump, and this one tells what it was given.
        const dump = `#!/bin/sh\necho "$PGHOST $PGPORT $PGUSER $PGDATABASE $PGSSLMODE $1"\n`
        yield* Effect.promise(() => Fs.writeFile(Path.join(directory, "pg_dump"), dump, { mode: 0o755 }))
        const { PATH } = process.env
        yield* Effect.acquireRelease(
          Effect.sync(() => (process.env["PATH"] = `${directory}:${PATH}`)),
          () => Effect.sync(() => (process.env["PATH"] = PATH))
        )
        const done = yield* PgMigrator.run({
          loader: PgMigrator.fromRecord({ "1_one": Effect.asVoid(sql`SELECT 1`) }),
          schemaDirectory: directory,
          table: "pg_migrations"
        }).pipe(Effect.provide(NodeServices.layer))
        assert.deepStrictEqual(done, [[1, "one"]])
        const dumped = yield* Effect.promise(() => Fs.readFile(Path.join(directory, "_schema.sql"), "utf8"))
        const to = `${options.host} ${options.port} ${options.username} ${name} prefer`
        assert.strictEqual(dumped, `${to} --schema-only\n\n${to} --column-inserts`)
        yield* sql`DROP TABLE pg_migrations`
      })
    )

    it.effect("reactive queries are run again when something they depend on was changed, and committed", () =>
      Effect.gen(function* () {
        const { sql, table } = yield* users
        const counts = yield* Queue.unbounded<number>()
        const count = Effect.map(sql<{ count: number }>`SELECT count(*)::int FROM ${table}`, (rows) => rows[0]?.count)
        const watching = yield* sql.reactive(["users"], count).pipe(
          Stream.runForEach((count) => Queue.offer(counts, count ?? -1)),
          Effect.forkChild
        )
        assert.strictEqual(yield* Queue.take(counts), 20)
        const reactivity = yield* Reactivity.Reactivity
        yield* reactivity.mutation(["users"], sql`DELETE FROM ${table} WHERE id = 1`)
        assert.strictEqual(yield* Queue.take(counts), 19)
        yield* sql.withTransaction(
          Effect.gen(function* () {
            const { mutation } = yield* Reactivity.Reactivity
            yield* mutation(["users"], sql`DELETE FROM ${table} WHERE id = 2`)
            yield* mutation(["users"], sql`DELETE FROM ${table} WHERE id = 3`)
          })
        )
        assert.strictEqual(yield* Queue.take(counts), 17)
        yield* Fiber.interrupt(watching)
      })
    )
  })
})
