/** Places that tests connect to, or in vain. */
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { PgConnection, type PgError } from "green-pg"
import { PostgresServer } from "green-pg/testing"
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import * as Net from "node:net"
import { tmpdir } from "node:os"
import * as Path from "node:path"
import { reasonOf, tcpOf, world } from "./connecting.ts"

/** A file of one's own, for as long as the scope. */
export const file = (content: string) =>
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
export const deadPort = Effect.callback<number>((resume) => {
  const server = Net.createServer().listen(0, "127.0.0.1", () => {
    const address = server.address()
    server.close(() => resume(Effect.succeed(typeof address === "object" && address !== null ? address.port : 1)))
  })
})

/** The port of a server that answers everybody with this error. */
export const refusing = (code: string, message: string) =>
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

/** Why each address was tried in vain. */
export const attemptsOf = <A, R>(connecting: Effect.Effect<A, PgError, R>) =>
  Effect.map(reasonOf(connecting), (reason) => {
    assert(reason._tag === "ConnectFailed", reason._tag)
    return reason.attempts
  })

/** OpenSSL opens its sources of chance when it is first used, and keeps them: so before descriptors are counted. */
export const useOpenSsl = (): Promise<void> =>
  Effect.runPromise(
    Effect.gen(function* () {
      const server = yield* PostgresServer
      yield* PgConnection.make({ ...tcpOf(server), username: "scram_user", password: "secret", driver: "libpq" })
      yield* PgConnection.make({ ...tcpOf(server), ssl: "require" })
    }).pipe(Effect.scoped, Effect.provide(world))
  )
