/** What @effect/sql-pg's `PgClient` has beyond the SqlClient: listening, and what it is configured with. */
import { PgClient } from "@effect/sql-pg/PgClient"
import { assert, describe, layer } from "@effect/vitest"
import * as Config from "effect/Config"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import * as SqlClient from "effect/sql/SqlClient"
import * as Stream from "effect/Stream"
import { GreenPg, PgPool } from "green-pg"
import { PostgresServer } from "green-pg/testing"
import { terminate } from "../support/postgres.ts"
import { clientLayer, Database, makeClient, variants } from "./support/client.ts"

describe.each(variants)("PgClient ($driver, multiplex: $multiplex)", (variant) => {
  layer(clientLayer(variant, { maxConnections: 2 }), { excludeTestServices: true })((it) => {
    it.effect("is the SqlClient", () =>
      Effect.gen(function* () {
        assert.strictEqual(yield* PgClient, yield* SqlClient.SqlClient)
      })
    )

    it.effect("hears what is notified, in order, while statements run", () =>
      Effect.gen(function* () {
        const sql = yield* PgClient
        const heard = yield* sql.listen("news")
        yield* sql.notify("news", "one")
        yield* sql`SELECT pg_notify('news', ${"two é"})`
        yield* sql.withTransaction(sql.notify("news", "three"))
        assert.deepStrictEqual(
          (yield* Queue.takeN(heard, 3)).map(({ channel, payload }) => ({ channel, payload })),
          ["one", "two é", "three"].map((payload) => ({ channel: "news", payload }))
        )
      })
    )

    it.effect("hears channels with odd names, and only them", () =>
      Effect.gen(function* () {
        const sql = yield* PgClient
        const name = `odd "name"; -- é`
        const heard = yield* sql.listen(name)
        yield* sql.notify("odd", "not this one")
        yield* sql.notify(name, "this one")
        assert.deepInclude(yield* Queue.take(heard), { channel: name, payload: "this one" })
        assert.strictEqual(yield* Queue.size(heard), 0)
      })
    )

    it.effect("gives the connection back when the scope of a listener ends, and it listens no more", () =>
      Effect.gen(function* () {
        const sql = yield* PgClient
        const pool = yield* PgPool
        yield* Effect.scoped(
          Effect.gen(function* () {
            yield* sql.listen("for a while")
            assert.strictEqual((yield* pool.stats).used, 1)
          })
        )
        assert.strictEqual((yield* pool.stats).used, 0)
        const channels = Effect.scoped(
          Effect.flatMap(pool.reserve, (connection) => connection.query("SELECT pg_listening_channels()"))
        )
        assert.deepStrictEqual((yield* channels).rows, [])
      })
    )

    it.effect("fails a listener whose connection is lost, so that it can listen anew", () =>
      Effect.gen(function* () {
        const sql = yield* PgClient
        const database = yield* Database
        const failures: Array<string | undefined> = []
        const listening = yield* Queue.unbounded<void>()
        const listener = yield* Stream.unwrap(
          Effect.map(
            Effect.tap(sql.listen("steady"), () => Queue.offer(listening, undefined)),
            Stream.fromQueue
          )
        ).pipe(
          Stream.tapError(({ reason }) => Effect.sync(() => failures.push(reason._tag))),
          Stream.retry(Schedule.recurs(1)),
          Stream.runHead,
          Effect.forkChild
        )
        yield* Queue.take(listening)
        const listeners = (yield* database.sessions).filter(({ query }) => query.startsWith("LISTEN"))
        yield* terminate(...listeners.map(({ processId }) => processId))
        yield* Queue.take(listening)
        yield* sql.notify("steady", "after all")
        assert.strictEqual(Option.getOrThrow(yield* Fiber.join(listener)).payload, "after all")
        assert.deepStrictEqual(failures, ["ConnectionError"])
      })
    )

    it.effect("refuses channels whose names the server would cut", () =>
      Effect.gen(function* () {
        const sql = yield* PgClient
        const long = "é".repeat(32)
        const heard = yield* Effect.flip(sql.listen(long))
        assert.match(heard.message, /has 64 bytes; a name has 1 to 63/)
        assert.match((yield* Effect.flip(sql.notify(long, ""))).message, /too long/)
        assert.match((yield* Effect.flip(sql.listen("a\0b"))).message, /NUL/)
        assert.strictEqual((yield* (yield* PgPool).stats).used, 0)
      })
    )

    it.effect("says what it is configured with", () =>
      Effect.gen(function* () {
        const { config } = yield* PgClient
        const { name } = yield* Database
        const server = yield* PostgresServer
        assert.deepInclude(config, {
          host: server.socketDirectory,
          port: server.port,
          username: server.user,
          database: name,
          applicationName: name,
          multiplex: variant.multiplex,
          ssl: false
        })
        const transform = (text: string) => text
        const client = Context.get(
          yield* makeClient({
            url: Redacted.make("postgresql://ada:secret@example.org:5433,example.com:5434/app?sslmode=require"),
            host: undefined,
            port: undefined,
            username: undefined,
            database: undefined,
            applicationName: undefined,
            transformQueryNames: transform,
            multiplex: 5
          }),
          PgClient
        )
        assert.deepInclude(client.config, {
          host: "example.org,example.com",
          port: undefined,
          username: "ada",
          database: "app",
          applicationName: "green-pg",
          ssl: true,
          multiplex: true,
          multiplexConcurrency: 5,
          transformQueryNames: transform
        })
        assert.notInclude(JSON.stringify(client.config), "secret")
        const { password } = client.config
        assert.strictEqual(Redacted.isRedacted(password) ? Redacted.value(password) : undefined, "secret")
      })
    )

    it.effect("is made of configuration", () =>
      Effect.gen(function* () {
        const { name } = yield* Database
        const { port, socketDirectory } = yield* PostgresServer
        const provider = ConfigProvider.fromUnknown({ DB_HOST: socketDirectory, DB_PORT: port, DB_NAME: name })
        const fromConfig = GreenPg.layerConfig({
          host: Config.String("DB_HOST"),
          port: Config.Port("DB_PORT"),
          database: Config.String("DB_NAME"),
          username: Config.succeed("postgres"),
          transformResultNames: Config.succeed((text: string) => text.toUpperCase())
        }).pipe(Layer.provide(ConfigProvider.layer(provider)))
        const sql = Context.get(yield* Layer.build(fromConfig), SqlClient.SqlClient)
        assert.deepStrictEqual(yield* sql`SELECT current_database()`, [{ CURRENT_DATABASE: name }])
        const missing = GreenPg.layerConfig({ host: Config.String("NOWHERE") })
        assert.strictEqual((yield* Effect.flip(Layer.build(missing)))._tag, "ConfigError")
      })
    )
  })
})
