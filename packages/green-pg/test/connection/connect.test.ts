/** Connecting: by every way to say where to, and all that can go wrong. */
import { assert, beforeAll } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Redacted from "effect/Redacted"
import * as Scope from "effect/Scope"
import { PgConnection, type PgError } from "green-pg"
import { PostgresServer } from "green-pg/testing"
import { randomUUID } from "node:crypto"
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import * as Net from "node:net"
import { tmpdir } from "node:os"
import * as Path from "node:path"
import { administer } from "../support/postgres.ts"
import * as ChaosProxy from "../support/ChaosProxy.ts"
import { eachDriver, reasonOf, socketOf, tcpOf, until, world } from "./support/connecting.ts"

/** A file of one's own, for as long as the scope. */
const file = (content: string) =>
  Effect.map(
    Effect.acquireRelease(
      Effect.sync(() => mkdtempSync(Path.join(tmpdir(), "green-pg-files-"))),
      (directory) => Effect.sync(() => rmSync(directory, { recursive: true }))
    ),
    (directory) => {
      const name = Path.join(directory, "file")
      writeFileSync(name, content)
      chmodSync(name, 0o600)
      return name
    }
  )

/** A port on which nobody listens. */
const deadPort = Effect.callback<number>((resume) => {
  const server = Net.createServer().listen(0, "127.0.0.1", () => {
    const address = server.address()
    server.close(() => resume(Effect.succeed(typeof address === "object" && address !== null ? address.port : 1)))
  })
})

/** The port of a server that answers everybody with this error. */
const refusing = (code: string, message: string) =>
  Effect.map(
    Effect.acquireRelease(
      Effect.callback<Net.Server>((resume) => {
        const fields = Buffer.from(`SFATAL\0VFATAL\0C${code}\0M${message}\0\0`)
        const head = Buffer.from("E\0\0\0\0", "latin1")
        head.writeInt32BE(fields.length + 4, 1)
        const server = Net.createServer((socket) => {
          socket.on("error", () => {})
          socket.once("data", () => socket.end(Buffer.concat([head, fields])))
        })
        server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
      }),
      (server) => Effect.callback<void>((resume) => void server.close(() => resume(Effect.void)))
    ),
    (server) => {
      const address = server.address()
      return typeof address === "object" && address !== null ? address.port : 0
    }
  )

const attemptsOf = <A, R>(connecting: Effect.Effect<A, PgError, R>) =>
  Effect.map(reasonOf(connecting), (reason) => {
    assert(reason._tag === "ConnectFailed", reason._tag)
    return reason.attempts
  })

// OpenSSL opens its sources of chance when it is first used, and keeps them.
beforeAll(() =>
  Effect.runPromise(
    Effect.gen(function* () {
      const server = yield* PostgresServer
      yield* PgConnection.make({ ...tcpOf(server), username: "scram_user", password: "secret", driver: "libpq" })
      yield* PgConnection.make({ ...tcpOf(server), ssl: "require" })
    }).pipe(Effect.scoped, Effect.provide(world))
  )
)

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

  test("a name without an address says so", () =>
    Effect.gen(function* () {
      const server = yield* PostgresServer
      const [attempt] = yield* attemptsOf(connect({ ...tcpOf(server), host: "nobody.invalid" }))
      assert.strictEqual(attempt?.address, "nobody.invalid")
      const connection = yield* connect({ ...tcpOf(server), host: ["nobody.invalid", server.host] })
      assert.isTrue(connection.isUsable())
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

  test("TLS that cannot be verified, or is not there where it must be, is refused", () =>
    Effect.gen(function* () {
      const server = yield* PostgresServer
      const other = yield* file("no certificate")
      const cases = [
        [{ ssl: { mode: "verify-full", rootCertificate: other } }, /root certificate file/],
        [{ ssl: { mode: "verify-full", rootCertificate: "/nowhere" } }, /root certificate file "\/nowhere"/],
        [{ ssl: "disable", username: "tls_user" }, /pg_hba.conf rejects connection/]
      ] as const
      for (const [options, problem] of cases) {
        const [attempt] = yield* attemptsOf(connect({ ...tcpOf(server), ...options }))
        assert.match(attempt?.problem ?? "", problem)
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

  test("a wrong password, or none, is refused with the server's code, and is shown nowhere", () =>
    Effect.gen(function* () {
      const server = yield* PostgresServer
      const place = { ...tcpOf(server), username: "scram_user", passfile: yield* file("") }
      const wrong = yield* Effect.flip(connect({ ...place, password: "s3cr3t-guess" }))
      assert.strictEqual(wrong.code, "28P01")
      assert.include(wrong.message, "password authentication failed")
      assert.notInclude(`${wrong.message}${JSON.stringify(wrong)}${wrong.stack}`, "s3cr3t-guess")
      const [none] = yield* attemptsOf(connect(place))
      assert.include(none?.problem, "no password supplied")
      const unavailable = yield* reasonOf(connect({ ...place, password: Effect.fail("the vault is shut") }))
      assert.strictEqual(unavailable._tag, "InvalidOption")
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

  test("when no host answers, the error has the reason for each", () =>
    Effect.gen(function* () {
      const server = yield* PostgresServer
      const dead = yield* deadPort
      const attempts = yield* attemptsOf(
        connect({
          ...tcpOf(server),
          host: [server.host, "/nowhere", server.host],
          port: [dead, 5432, server.port],
          database: "none"
        })
      )
      assert.deepStrictEqual(
        attempts.map(({ address, code }) => [address, code]),
        [
          [`${server.host}, port ${dead}`, undefined],
          ["socket /nowhere/.s.PGSQL.5432", undefined],
          [`${server.host}, port ${server.port}`, "3D000"]
        ]
      )
      assert.match(attempts[0]?.problem ?? "", /Connection refused/)
      assert.match(attempts[1]?.problem ?? "", /No such file or directory/)
      assert.match(attempts[2]?.problem ?? "", /database "none" does not exist/)
    }))

  test("a server that is starting up, or shutting down, is an error with its code, and the next host is taken", () =>
    Effect.gen(function* () {
      const server = yield* PostgresServer
      const port = yield* refusing("57P03", "the database system is starting up")
      const starting = { ...tcpOf(server), port }
      const error = yield* Effect.flip(connect(starting))
      assert.strictEqual(error.code, "57P03")
      assert.include(error.message, "the database system is starting up")
      const connection = yield* connect({ ...starting, host: [server.host, server.host], port: [port, server.port] })
      assert.isTrue(connection.isUsable())
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

  test("a server that accepts and says nothing is given up after the connect timeout", () =>
    Effect.gen(function* () {
      const server = yield* PostgresServer
      const proxy = yield* ChaosProxy.make(server)
      yield* proxy.behave({ _tag: "BlackHole" })
      const hole = { ...tcpOf(server), host: proxy.host, port: proxy.port, connectTimeout: "100 millis" } as const
      const [attempt] = yield* attemptsOf(connect(hole))
      assert.strictEqual(attempt?.problem, "no answer within the connect timeout")
      const connection = yield* connect({
        ...hole,
        host: [proxy.host, server.host],
        port: [proxy.port, server.port]
      })
      assert.isTrue(connection.isUsable())
      yield* proxy.behave({ _tag: "Pass" })
      yield* proxy.until(({ open }) => open === 0)
    }))

  test("who is interrupted while connecting leaves nothing", () =>
    Effect.gen(function* () {
      const server = yield* PostgresServer
      const proxy = yield* ChaosProxy.make(server)
      yield* proxy.behave({ _tag: "BlackHole" })
      const connecting = yield* Effect.forkChild(connect({ ...tcpOf(server), host: proxy.host, port: proxy.port }))
      yield* proxy.until(({ open }) => open === 1)
      yield* Fiber.interrupt(connecting)
      // In a black hole the end of a connection is not seen either.
      yield* proxy.behave({ _tag: "Pass" })
      yield* proxy.until(({ open }) => open === 0)
    }))

  test("who is interrupted at any moment of connecting leaves nothing", () =>
    Effect.gen(function* () {
      const server = yield* PostgresServer
      const place = { ...tcpOf(server), username: "scram_user", password: "secret" }
      for (let round = 0; round < 40; round++) {
        const scope = yield* Scope.make()
        const connecting = yield* Effect.forkChild(Scope.provide(connect(place), scope), { startImmediately: true })
        yield* Effect.sleep(round / 4)
        yield* Fiber.interrupt(connecting)
        yield* Scope.close(scope, Exit.void)
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

  test("a server that closes while connecting is an error of that address", () =>
    Effect.gen(function* () {
      const server = yield* PostgresServer
      const proxy = yield* ChaosProxy.make(server)
      for (const after of [0, 1, 5, 9, 30, 100, 300]) {
        yield* proxy.behave({ _tag: "Truncate", direction: "toClient", after, close: "end" })
        const attempts = yield* attemptsOf(connect({ ...tcpOf(server), host: proxy.host, port: proxy.port }))
        assert.lengthOf(attempts, 1)
      }
    }))

  test("a database that does not exist, and a role that may not, have the server's code", () =>
    Effect.gen(function* () {
      const server = yield* PostgresServer
      for (const [options, code] of [
        [{ database: "none" }, "3D000"],
        [{ username: "nobody" }, "28000"],
        [{ startupParameters: { nonsense: "1" } }, "42704"],
        [{ startupParameters: { work_mem: "much" } }, "22023"]
      ] as const) {
        const error = yield* Effect.flip(connect({ ...socketOf(server), ...options }))
        assert.strictEqual(error.reason._tag, "ConnectFailed")
        assert.strictEqual(error.code, code)
        assert.notMatch(error.message, /LOCATION|\n/)
      }
    }))

  test("a role that has too many connections is refused with the server's code", () =>
    Effect.gen(function* () {
      const server = yield* PostgresServer
      const role = `limited_${randomUUID().replaceAll("-", "")}`
      yield* Effect.acquireRelease(administer(`CREATE ROLE ${role} LOGIN CONNECTION LIMIT 1`), () =>
        Effect.andThen(
          until(administer("SELECT 1 FROM pg_stat_activity WHERE usename = $1", [role]), (rows) => rows.length === 0),
          administer(`DROP ROLE ${role}`)
        )
      )
      yield* Effect.scoped(
        Effect.gen(function* () {
          yield* connect({ ...socketOf(server), username: role })
          assert.strictEqual((yield* Effect.flip(connect({ ...socketOf(server), username: role }))).code, "53300")
        })
      )
    }))

  test("options that cannot be are refused before anything is opened, without their secrets", () =>
    Effect.gen(function* () {
      const server = yield* PostgresServer
      for (const options of [
        { port: 70000 },
        { host: "a\0b" },
        { password: "s3cr3t\0" },
        { url: "postgresql://u:s3cr3t@h@x/d" },
        { conninfo: { sslmood: "require" } },
        { startupParameters: { "a b": "c" } }
      ]) {
        const outcome = yield* Effect.result(connect({ ...socketOf(server), ...options }))
        assert(outcome._tag === "Failure", JSON.stringify(options))
        const error = outcome.failure
        assert.strictEqual(error.reason._tag, "InvalidOption", JSON.stringify(options))
        assert.notInclude(error.message, "s3cr3t")
      }
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
