/**
 * The server of all tests, which vitest starts before the first and ends after the last.
 *
 * One and not one for each file: a server is a thousand files, and a file system slows down when thousands are made and
 * removed again and again (ext4 looks through all inodes that were freed in the last minutes).

 * It is loaded outside of the tests, without the condition that leads to sources: hence the path.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { Client } from "pg"
import type { TestProject } from "vitest/node"
import { PostgresServer } from "../../src/testing/index.ts"
import type { Shared } from "./postgres.ts"

declare module "vitest" {
  export interface ProvidedContext {
    readonly postgres: Shared
  }
}

const hba = [
  "host    all scram_user 127.0.0.1/32 scram-sha-256",
  "hostssl all tls_user   127.0.0.1/32 trust",
  "host    all tls_user   127.0.0.1/32 reject"
]

const server = Effect.gen(function* () {
  // A deadlock is found after a second unless said.
  const server = yield* PostgresServer.make({ tls: true, hba, settings: { deadlock_timeout: "20ms" } })
  yield* Effect.promise(async () => {
    const client = new Client(server.url)
    await client.connect()
    await client.query("CREATE ROLE scram_user LOGIN SUPERUSER PASSWORD 'secret'; CREATE ROLE tls_user LOGIN SUPERUSER")
    await client.end()
  })
  const { processId, log: _log, start: _start, stop: _stop, restart: _restart, reload: _reload, ...rest } = server
  return { ...rest, processId: yield* processId }
})

export default async (project: TestProject): Promise<() => Promise<void>> => {
  const scope = Scope.makeUnsafe()
  project.provide("postgres", await Effect.runPromise(Scope.provide(server, scope)))
  return () => Effect.runPromise(Scope.close(scope, Exit.void))
}
