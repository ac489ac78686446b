/** The server itself: the clients are of `pg`. */
import { assert, describe, it, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { PostgresServer, PostgresServerError, type PostgresServerOptions } from "green-pg/testing"
import { existsSync, readFileSync } from "node:fs"
import { Client } from "pg"
import { inject } from "vitest"
import { administer, ask, createDatabase, sessions, sharedServer, terminate } from "./support/postgres.ts"

layer(sharedServer)("the server of all tests", (it) => {
  it.effect("asks one user for a password, and another for TLS", () =>
    Effect.gen(function* () {
      const { host, port, tls } = yield* PostgresServer
      const config = { host, port, database: "postgres" }
      assert.deepStrictEqual(yield* ask({ ...config, user: "scram_user", password: "secret" }), [{ one: 1 }])
      assert.strictEqual(yield* Effect.flip(ask({ ...config, user: "scram_user", password: "guess" })), "28P01")
      const ca = readFileSync(tls?.authority ?? "", "utf8")
      assert.deepStrictEqual(yield* ask({ ...config, user: "tls_user", ssl: { ca } }), [{ one: 1 }])
      assert.strictEqual(yield* Effect.flip(ask({ ...config, user: "tls_user" })), "28000")
    })
  )

  it.effect("is not for one test to stop", () =>
    Effect.gen(function* () {
      const server = yield* PostgresServer
      for (const attempt of [server.stop(), server.restart(), server.reload]) {
        assert.match(String(yield* Effect.flip(Effect.sandbox(attempt))), /everybody's/)
      }
      assert.deepStrictEqual(yield* ask({ connectionString: server.url }), [{ one: 1 }])
    })
  )

  it.effect("takes clients over TCP and over its socket", () =>
    Effect.gen(function* () {
      const server = yield* PostgresServer
      assert.deepStrictEqual(yield* ask({ connectionString: server.url }), [{ one: 1 }])
      const { user, password, port, database } = server
      assert.deepStrictEqual(yield* ask({ host: server.socketDirectory, user, password, port, database }), [{ one: 1 }])
    })
  )

  it.effect("believes whoever says who he is", () =>
    Effect.gen(function* () {
      const { host, port, user } = yield* PostgresServer
      assert.deepStrictEqual(yield* ask({ host, port, user, password: "guess" }), [{ one: 1 }])
    })
  )

  it.effect("sorts by code points, speaks UTF-8, lives in UTC and does not wait for the disk", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(
        yield* administer(
          `SELECT current_setting('server_encoding') AS encoding, current_setting('timezone') AS zone,
                  current_setting('fsync') AS fsync, 'Z' < 'a' AS "byCodePoint", upper('ä') AS upper`
        ),
        [{ encoding: "UTF8", zone: "UTC", fsync: "off", byCodePoint: true, upper: "Ä" }]
      )
    })
  )

  it.effect("logs to where `log` reads", () =>
    Effect.gen(function* () {
      const server = yield* PostgresServer
      assert.strictEqual(yield* Effect.flip(ask({ connectionString: server.url }, "SELECT wrong")), "42703")
      assert.include(yield* server.log, 'column "wrong" does not exist')
    })
  )

  it.effect("knows the libpq of its package, which has a name that needs no link", () =>
    Effect.gen(function* () {
      const { libpq } = yield* PostgresServer
      assert.strictEqual(libpq, yield* PostgresServer.libpq)
      assert.isTrue(existsSync(libpq))
      assert.match(libpq, /\d$|dylib$/)
    })
  )

  it.effect("gives each test a database, and takes it back with those who are still in it", () =>
    Effect.gen(function* () {
      const server = yield* PostgresServer
      const { client, names } = yield* Effect.scoped(
        Effect.gen(function* () {
          const [one, other] = [yield* createDatabase(), yield* createDatabase()]
          yield* administer("CREATE TABLE t (i int)", [], one)
          assert.strictEqual(
            yield* Effect.flip(ask({ connectionString: server.url, database: other }, "TABLE t")),
            "42P01"
          )
          const url = new URL(one, server.url)
          const client = new Client({ connectionString: url.href, application_name: "forgotten" })
          client.on("error", () => {})
          yield* Effect.promise(() => client.connect())
          assert.deepStrictEqual(
            (yield* sessions("forgotten")).map(({ database, state }) => ({ database, state })),
            [{ database: one, state: "idle" }]
          )
          return { client, names: [one, other] }
        })
      )
      assert.deepStrictEqual(yield* sessions("forgotten"), [])
      assert.deepStrictEqual(yield* administer("SELECT datname FROM pg_database WHERE datname = ANY ($1)", [names]), [])
      yield* Effect.promise(() => Promise.allSettled([client.end()]))
    })
  )

  it.effect("ends a session when it is told to", () =>
    Effect.gen(function* () {
      const server = yield* PostgresServer
      const client = new Client({ connectionString: server.url, application_name: "victim" })
      const ended = new Promise<string>((resolve) => client.on("error", (error) => resolve(error.message)))
      yield* Effect.promise(() => client.connect())
      yield* terminate(...(yield* sessions("victim")).map(({ processId }) => processId))
      assert.deepStrictEqual(yield* sessions("victim"), [])
      assert.include(yield* Effect.promise(() => ended), "terminating connection")
    })
  )
})

describe("how it is set up", () => {
  it.effect("with SCRAM it asks for the password, over TCP and the socket alike", () =>
    Effect.gen(function* () {
      const server = yield* PostgresServer.make({ authentication: "scram-sha-256" })
      for (const host of [server.host, server.socketDirectory]) {
        const config = { host, port: server.port, user: server.user }
        assert.deepStrictEqual(yield* ask({ ...config, password: server.password }), [{ one: 1 }])
        assert.strictEqual(yield* Effect.flip(ask({ ...config, password: "guess" })), "28P01")
      }
      assert.deepStrictEqual(yield* ask({ connectionString: server.url }), [{ one: 1 }])
    })
  )

  it.effect(
    "with TLS its authority has signed its certificate, and a client's; lines of hba come before the line for everybody",
    () =>
      Effect.gen(function* () {
        const server = yield* PostgresServer.make({
          tls: true,
          hba: ["hostssl all postgres 127.0.0.1/32 cert", "host all postgres 127.0.0.1/32 reject"]
        })
        const tls = server.tls
        if (tls === undefined) return assert.fail("no files")
        const [ca, cert, key] = [tls.authority, tls.certificate, tls.key].map((path) => readFileSync(path, "utf8"))
        const connectionString = server.url
        const query = "SELECT ssl, client_dn FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
        assert.deepStrictEqual(yield* ask({ connectionString, ssl: { ca, cert, key } }, query), [
          { ssl: true, client_dn: "/CN=postgres" }
        ])
        assert.strictEqual(yield* Effect.flip(ask({ connectionString, ssl: { ca } })), "28000")
        assert.strictEqual(yield* Effect.flip(ask({ connectionString })), "28000")
        const foreign = readFileSync(inject("postgres").tls?.authority ?? "", "utf8")
        assert.match(yield* Effect.flip(ask({ connectionString, ssl: { ca: foreign, cert, key } })), /SIGNATURE|VERIFY/)
      })
  )

  it.effect("its certificate is for other hosts, or has ended, if a test wants that", () =>
    Effect.gen(function* () {
      const fails = Effect.fnUntraced(function* (tls: NonNullable<PostgresServerOptions["tls"]>) {
        const server = yield* PostgresServer.make({ tls })
        const ca = readFileSync(server.tls?.authority ?? "", "utf8")
        return yield* Effect.flip(ask({ host: "localhost", port: server.port, user: server.user, ssl: { ca } }))
      })
      assert.strictEqual(yield* fails({ hosts: ["elsewhere.test", "192.0.2.1"] }), "ERR_TLS_CERT_ALTNAME_INVALID")
      assert.strictEqual(yield* fails({ notAfter: new Date("2020-02-02") }), "CERT_HAS_EXPIRED")
    })
  )

  it.effect("settings arrive as they are, whatever is in them", () =>
    Effect.gen(function* () {
      const values = ["", "'", "''", "\\", "\\'", "a\nb\r\tc", "# no comment", "x = 'y'", "ä€😀", "\\n", "\\047", " "]
      const settings = Object.fromEntries(values.map((value, index) => [`green.value${index}`, value]))
      const server = yield* PostgresServer.make({ settings: { ...settings, max_connections: "7" } })
      const found = yield* administer(
        "SELECT current_setting('green.value' || i) AS value FROM generate_series(0, $1::int - 1) AS i",
        [values.length]
      ).pipe(Effect.provideService(PostgresServer, server))
      assert.deepStrictEqual(
        found.map(({ value }) => value),
        values
      )
      assert.deepStrictEqual(yield* ask({ connectionString: server.url }, "SHOW max_connections"), [
        { max_connections: "7" }
      ])
    })
  )

  it.effect.each<readonly [string, PostgresServerOptions, PostgresServerError["reason"]["_tag"], RegExp]>([
    ["a name that is none", { settings: { "a=b": "1" } }, "InvalidOption", /settings\.a=b "1": not the name/],
    ["what the server decides", { settings: { Port: "5432" } }, "InvalidOption", /settings\.Port "5432": the server/],
    ["a NUL", { settings: { work_mem: "1\0" } }, "InvalidOption", /settings\.work_mem "1\\u0000": .*NUL/],
    ["a second line", { hba: ["local all all trust\nlocal"] }, "InvalidOption", /hba "local all all trust\\nlocal"/],
    ["a certificate for nobody", { tls: { hosts: [] } }, "InvalidOption", /tls\.hosts ""/],
    ["a host that is none", { tls: { hosts: ["::1"] } }, "InvalidOption", /tls\.hosts "::1"/],
    ["a date that is none", { tls: { notAfter: new Date(NaN) } }, "InvalidOption", /tls\.notAfter "Invalid Date"/],
    [
      "a setting that it does not know",
      { settings: { no_such: "1" } },
      "Exited",
      /postgres ended with code 1: .*no_such/s
    ],
    [
      "a line of hba that it does not know",
      { hba: ["everybody"] },
      "Exited",
      /postgres ended with code 1: .*everybody/s
    ]
  ])("%s is refused, typed, and nothing is left", ([, options, tag, message]) =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(PostgresServer.make(options))
      assert.instanceOf(error, PostgresServerError)
      assert.strictEqual(error.reason._tag, tag)
      assert.match(error.message, message)
    })
  )
})
