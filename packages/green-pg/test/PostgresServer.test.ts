/** The server itself: the clients are of `pg`. */
import { assert, describe, it, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { PostgresServer, PostgresServerError, type PostgresServerOptions } from "green-pg/testing"
import { existsSync, readFileSync } from "node:fs"
import { Client, type ClientConfig } from "pg"
import { administer, createDatabase, sessions, sharedServer, terminate } from "./support/postgres.ts"

/** A session for one statement; how it fails is the message of the error. */
const ask = (config: ClientConfig, statement = "SELECT 1 AS one") =>
  Effect.tryPromise({
    try: async () => {
      const client = new Client(config)
      client.on("error", () => {})
      try {
        await client.connect()
        return (await client.query(statement)).rows
      } finally {
        await client.end()
      }
    },
    catch: (cause) => (cause instanceof Error && "code" in cause ? String(cause.code) : String(cause))
  })

const isAlive = (processId: number | undefined) => {
  if (processId === undefined) return false
  try {
    process.kill(processId, 0)
    return true
  } catch {
    return false
  }
}

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
      const clients = yield* Effect.scoped(
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
          return [client]
        })
      )
      assert.deepStrictEqual(yield* sessions("forgotten"), [])
      assert.deepStrictEqual(yield* administer("SELECT datname FROM pg_database WHERE datname LIKE 'test%'"), [])
      yield* Effect.promise(() => Promise.allSettled(clients.map((client) => client.end())))
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

  it.effect("with TLS it has a certificate that its authority has signed, and takes that of a client", () =>
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
      const other = yield* PostgresServer.make({ tls: true })
      const foreign = readFileSync(other.tls?.authority ?? "", "utf8")
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

  it.effect("lines of hba decide before the line for everybody", () =>
    Effect.gen(function* () {
      const server = yield* PostgresServer.make({ hba: ["host all stranger 127.0.0.1/32 reject"] })
      yield* administer("CREATE ROLE stranger LOGIN").pipe(Effect.provideService(PostgresServer, server))
      assert.strictEqual(
        yield* Effect.flip(ask({ host: server.host, port: server.port, user: "stranger", database: "postgres" })),
        "28000"
      )
      assert.deepStrictEqual(yield* ask({ connectionString: server.url }), [{ one: 1 }])
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

describe("its life", () => {
  it.effect("it stops, and starts on the same port with the same data", () =>
    Effect.gen(function* () {
      const server = yield* PostgresServer.make()
      yield* ask({ connectionString: server.url }, "CREATE TABLE kept AS SELECT 42 AS answer")
      const before = yield* server.processId
      yield* server.stop()
      assert.isUndefined(yield* server.processId)
      assert.isFalse(isAlive(before))
      assert.strictEqual(yield* Effect.flip(ask({ connectionString: server.url })), "ECONNREFUSED")
      yield* server.stop()
      yield* server.start
      const after = yield* server.processId
      assert.notStrictEqual(after, before)
      yield* server.start
      assert.strictEqual(yield* server.processId, after)
      assert.deepStrictEqual(yield* ask({ connectionString: server.url }, "TABLE kept"), [{ answer: 42 }])
      yield* server.restart("immediate")
      assert.deepStrictEqual(yield* ask({ connectionString: server.url }, "TABLE kept"), [{ answer: 42 }])
      assert.include(yield* server.log, "automatic recovery in progress")
    })
  )

  it.effect("starts that meet a stop, or each other, take turns", () =>
    Effect.gen(function* () {
      const server = yield* PostgresServer.make()
      yield* Effect.all([server.stop(), server.start, server.start, server.stop("immediate"), server.start], {
        concurrency: "unbounded"
      }).pipe(Effect.ignore)
      yield* server.start
      assert.deepStrictEqual(yield* ask({ connectionString: server.url }), [{ one: 1 }])
    })
  )

  it.effect("a smart stop waits for the clients, and one that is interrupted leaves the way to a faster one", () =>
    Effect.gen(function* () {
      const server = yield* PostgresServer.make()
      const client = new Client(server.url)
      const ended = new Promise<string>((resolve) => client.on("error", (error) => resolve(error.message)))
      yield* Effect.promise(() => client.connect())
      const stopping = yield* Effect.forkChild(server.stop("smart"), { startImmediately: true })
      // The server has heard of it when it lets nobody else in.
      yield* Effect.repeat(Effect.exit(ask({ connectionString: server.url })), {
        until: (exit) => Exit.isFailure(exit)
      })
      assert.isUndefined(stopping.pollUnsafe())
      yield* Fiber.interrupt(stopping)
      yield* server.stop("fast")
      assert.isUndefined(yield* server.processId)
      assert.include(yield* Effect.promise(() => ended), "terminating connection")
    })
  )

  it.effect("it starts again after its postmaster was killed", () =>
    Effect.gen(function* () {
      const server = yield* PostgresServer.make()
      const killed = yield* server.processId
      assert.isDefined(killed)
      process.kill(killed ?? 0, "SIGKILL")
      yield* Effect.repeat(server.processId, { until: (processId) => processId === undefined })
      yield* server.start
      assert.deepStrictEqual(yield* ask({ connectionString: server.url }), [{ one: 1 }])
    })
  )

  it.effect("who connects after a reload meets the new configuration", () =>
    Effect.gen(function* () {
      const server = yield* PostgresServer.make()
      const ownTrust = { connectionString: server.url }
      yield* ask(ownTrust, "ALTER SYSTEM SET green.fresh = 'yes'")
      yield* server.reload
      assert.deepStrictEqual(yield* ask(ownTrust, "SELECT current_setting('green.fresh') AS fresh"), [{ fresh: "yes" }])
    })
  )

  it.effect("the end of the scope ends it, with a client in it, and removes its files", () =>
    Effect.gen(function* () {
      const clients: Array<Client> = []
      const left = yield* Effect.scoped(
        Effect.gen(function* () {
          const server = yield* PostgresServer.make({ tls: true })
          const client = new Client(server.url)
          client.on("error", () => {})
          yield* Effect.promise(() => client.connect())
          clients.push(client)
          return { processId: yield* server.processId, data: server.dataDirectory, sockets: server.socketDirectory }
        })
      )
      assert.isFalse(isAlive(left.processId))
      assert.deepStrictEqual([existsSync(left.data), existsSync(left.sockets)], [false, false])
      yield* Effect.promise(() => Promise.allSettled(clients.map((client) => client.end())))
    })
  )
})
