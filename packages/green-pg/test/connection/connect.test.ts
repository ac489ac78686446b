/** Connecting, by every way to say where to, and closing. */
import { assert, beforeAll } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Redacted from "effect/Redacted"
import * as Scope from "effect/Scope"
import { PostgresServer } from "green-pg/testing"
import { randomUUID } from "node:crypto"
import * as ChaosProxy from "../support/ChaosProxy.ts"
import { eachDriver, reasonOf, socketOf, tcpOf, until } from "./support/connecting.ts"
import { attemptsOf, deadPort, file, useOpenSsl } from "./support/places.ts"

beforeAll(useOpenSsl)

eachDriver(({ connect, sessions, test }) => {
  test("by a Unix socket, and by TCP", () =>
    Effect.gen(function* () {
      const server = yield* PostgresServer
      for (const options of [socketOf(server), tcpOf(server)]) {
        const connection = yield* connect(options)
        const { rows } = yield* connection.query("SELECT inet_server_port() AS port, current_user::text AS user")
        assert.deepStrictEqual(rows, [{ port: options.host === server.host ? server.port : null, user: server.user }])
      }
    }))

  test("by a URL, and by keywords and values", () =>
    Effect.gen(function* () {
      const { host, port, socketDirectory, user } = yield* PostgresServer
      for (const url of [
        `postgresql://${user}@${host}:${port}/postgres?sslmode=disable`,
        `postgres://${user}@/postgres?host=${encodeURIComponent(socketDirectory)}&port=${port}`,
        `host=${host} port=${port} user=${user} dbname=postgres sslmode=disable`,
        Redacted.make(`host='${socketDirectory}' port=${port} user=${user} dbname = 'postgres'`)
      ]) {
        const connection = yield* connect({ url })
        assert.deepStrictEqual((yield* connection.query("SELECT current_database()::text AS name")).rows, [
          { name: "postgres" }
        ])
      }
    }))

  test("the names of hosts are looked up", () =>
    Effect.gen(function* () {
      const server = yield* PostgresServer
      const connection = yield* connect({ ...tcpOf(server), host: "localhost" })
      assert.lengthOf((yield* connection.query("SELECT 1")).rows, 1)
    }))

  test("the session is as the options say", () =>
    Effect.gen(function* () {
      const connection = yield* connect({
        ...socketOf(yield* PostgresServer),
        applicationName: `a ' "name" ${randomUUID()}`,
        startupParameters: { search_path: 'app, "a b"', statement_timeout: "5s" },
        startupOptions: "-c geqo=off"
      })
      const { rows } = yield* connection.query(
        `SELECT current_setting('search_path') AS path, current_setting('statement_timeout') AS timeout,
                current_setting('geqo') AS geqo, current_setting('client_encoding') AS encoding`
      )
      assert.deepStrictEqual(rows, [{ path: 'app, "a b"', timeout: "5s", geqo: "off", encoding: "UTF8" }])
    }))

  test("with TLS libpq speaks, whichever driver was asked for", () =>
    Effect.gen(function* () {
      const server = yield* PostgresServer
      const rootCertificate = server.tls?.authority
      for (const ssl of [
        "require",
        { mode: "require" },
        { mode: "verify-ca", rootCertificate },
        { mode: "verify-full", rootCertificate }
      ] as const) {
        const connection = yield* connect({ ...tcpOf(server), username: "tls_user", ssl })
        assert.strictEqual(connection.driver, "libpq")
        const { rows } = yield* connection.query("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
        assert.deepStrictEqual(rows, [{ ssl: true }])
        yield* Effect.forEach([1, 2, 3], (n) => connection.query("SELECT $1::int", [n]), { concurrency: "unbounded" })
      }
    }))

  test("SCRAM takes the right password, said in any way", () =>
    Effect.gen(function* () {
      const server = yield* PostgresServer
      const place = { ...tcpOf(server), username: "scram_user" }
      const passfile = yield* file(`${server.host}:*:postgres:scram_user:secret\n`)
      for (const options of [
        { password: "secret" },
        { password: Redacted.make("secret") },
        { password: Effect.succeed("secret") },
        { passfile },
        { password: "secret", requireAuthentication: "scram-sha-256" },
        { password: "secret", ssl: "require", channelBinding: "require" }
      ] as const) {
        const connection = yield* connect({ ...place, ...options })
        assert.deepStrictEqual((yield* connection.query("SELECT session_user::text AS name")).rows, [
          { name: "scram_user" }
        ])
      }
      const url = `postgresql://scram_user:secret@${server.host}:${server.port}/postgres?sslmode=disable`
      yield* connect({ url })
    }))

  test("a service file says the rest", () =>
    Effect.gen(function* () {
      const { host, port, user } = yield* PostgresServer
      const services = yield* file(
        `[test]\nhost=${host}\nport=${port}\nuser=${user}\ndbname=postgres\nsslmode=disable\n`
      )
      yield* Effect.acquireUseRelease(
        Effect.sync(() => {
          process.env["PGSERVICEFILE"] = services
        }),
        () => Effect.scoped(connect({ url: "postgresql://?service=test" })),
        () =>
          Effect.sync(() => {
            delete process.env["PGSERVICEFILE"]
          })
      )
    }))

  test("of several hosts the first that answers is taken, whatever the others do", () =>
    Effect.gen(function* () {
      const server = yield* PostgresServer
      const dead = yield* deadPort
      const refusing = yield* ChaosProxy.make(server)
      yield* refusing.behave({ _tag: "Refuse" })
      const connection = yield* connect({
        ...tcpOf(server),
        host: [server.host, "/nowhere", refusing.host, server.host, server.host],
        port: [dead, server.port, refusing.port, server.port, dead]
      })
      assert.deepStrictEqual((yield* connection.query("SELECT inet_server_port() AS port")).rows, [
        { port: server.port }
      ])
    }))

  test("only a server of the kind that is wanted is taken", () =>
    Effect.gen(function* () {
      const server = yield* PostgresServer
      for (const targetSessionAttributes of ["any", "read-write", "primary", "prefer-standby"] as const) {
        yield* connect({ ...tcpOf(server), targetSessionAttributes })
      }
      for (const [targetSessionAttributes, problem] of [
        ["standby", /server is not in hot standby mode/],
        ["read-only", /session is not read-only/]
      ] as const) {
        const [attempt] = yield* attemptsOf(connect({ ...tcpOf(server), targetSessionAttributes }))
        assert.match(attempt?.problem ?? "", problem)
      }
    }))

  test("a network that hands over single bytes, late, is enough", () =>
    Effect.gen(function* () {
      const server = yield* PostgresServer
      const proxy = yield* ChaosProxy.make(server)
      yield* proxy.behave({ _tag: "Split" })
      const connection = yield* connect({
        ...tcpOf(server),
        host: proxy.host,
        port: proxy.port,
        username: "scram_user",
        password: "secret"
      })
      assert.deepStrictEqual((yield* connection.query("SELECT $1::text AS text", ["ä"])).rows, [{ text: "ä" }])
    }))

  test("what is on its way when the scope ends fails, and so does what comes after", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const connection = yield* Scope.provide(connect(), scope)
      const running = yield* Effect.forEach([1, 2, 3], () =>
        Effect.forkChild(connection.query("SELECT pg_sleep(0.3)"), { startImmediately: true })
      )
      yield* until(sessions, (found) => found.some(({ state }) => state === "active"))
      yield* Scope.close(scope, Exit.void)
      for (const fiber of running) assert.strictEqual((yield* reasonOf(Fiber.join(fiber)))._tag, "Closed")
      assert.isFalse(connection.isUsable())
      assert.strictEqual(connection.transaction, "unknown")
      assert.isUndefined(connection.parameterStatus("server_version"))
      for (const late of [
        connection.query("SELECT 1"),
        connection.script("SELECT 1"),
        connection.pipeline([{ sql: "SELECT 1" }]),
        Effect.scoped(connection.hold),
        Effect.scoped(connection.listen("news")),
        connection.reset
      ]) {
        assert.strictEqual((yield* reasonOf<unknown, never>(late))._tag, "Closed")
      }
    }))

  test("a closed connection is gone on the server at once", () =>
    Effect.gen(function* () {
      for (let round = 0; round < 20; round++) {
        yield* Effect.scoped(Effect.flatMap(connect(), (connection) => connection.query("SELECT 1")))
      }
      yield* until(sessions, (found) => found.length === 0)
    }))
})
