/**
 * The server that all clients of a measure ask, on its Unix socket, and the CPU time that its sessions take.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { PostgresServer } from "green-pg/testing"
import { readFileSync } from "node:fs"
import { Client } from "pg"

/** Where it is; plain data, for other processes. */
export interface Server {
  readonly socketDirectory: string
  readonly port: number
  readonly user: string
  readonly database: string
  /** The process whose children are the sessions. */
  readonly processId: number
  /** The libpq that comes with it. */
  readonly libpq: string
  /** How many rows the table `many` has. */
  readonly rows: number
}

/** Starts one. With `rows`, it has a table `many` of so many rows of five columns. */
export const server = (rows = 0): Effect.Effect<Server, unknown, Scope.Scope> =>
  Effect.gen(function* () {
    const { database, libpq, port, processId, socketDirectory, user } = yield* PostgresServer.make({
      settings: { max_connections: "200" }
    })
    if (rows > 0) {
      yield* Effect.acquireUseRelease(
        Effect.promise(async () => {
          const client = new Client({ host: socketDirectory, port, user, database })
          await client.connect()
          return client
        }),
        (client) =>
          Effect.promise(async () => {
            await client.query(
              `CREATE TABLE many AS
               SELECT i AS a, i + 10000000000 AS b, 'name ' || i AS c, i + 0.5::float8 AS d, i % 2 = 1 AS e
               FROM generate_series(1, ${rows}) AS i`
            )
            await client.query("VACUUM ANALYZE many")
          }),
        (client) => Effect.promise(() => client.end())
      )
    }
    return { socketDirectory, port, user, database, processId: (yield* processId) ?? 0, libpq, rows }
  })

/** The CPU time of all its sessions until now, in microseconds; `undefined` where the system does not tell. */
export const cpuTime = ({ processId }: Server): number | undefined => {
  try {
    const children = readFileSync(`/proc/${processId}/task/${processId}/children`, "latin1").trim().split(" ")
    return children.reduce((sum, child) => {
      const [nanoseconds] = readFileSync(`/proc/${child}/schedstat`, "latin1").split(" ")
      return sum + Number(nanoseconds) / 1000
    }, 0)
  } catch {
    return undefined
  }
}
