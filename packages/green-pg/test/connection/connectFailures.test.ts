/** Connecting: what can go wrong, and what is left when it does. */
import { assert, beforeAll } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import { PostgresServer } from "green-pg/testing"
import { randomUUID } from "node:crypto"
import { administer } from "../support/postgres.ts"
import * as ChaosProxy from "../support/ChaosProxy.ts"
import { eachDriver, reasonOf, socketOf, tcpOf, until } from "./support/connecting.ts"
import { attemptsOf, deadPort, file, refusing, useOpenSsl } from "./support/places.ts"

beforeAll(useOpenSsl)

eachDriver(({ connect, test }) => {
  test("a name without an address says so", () =>
    Effect.gen(function* () {
      const server = yield* PostgresServer
      const [attempt] = yield* attemptsOf(connect({ ...tcpOf(server), host: "nobody.invalid" }))
      assert.strictEqual(attempt?.address, "nobody.invalid")
      const connection = yield* connect({ ...tcpOf(server), host: ["nobody.invalid", server.host] })
      assert.isTrue(connection.isUsable())
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
})
