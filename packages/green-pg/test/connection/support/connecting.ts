/**
 * Tests of connections to the server of all tests, by each driver. Each test has a name of its own as its
 * `application_name`, and after each, descriptors, waits and sessions are as they were before it.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import { FdIo, Green, type Wait, WaitFd, waitFd } from "green-core"
import { Libpq, PgConnection, type PgConnectionOptions, type PgConnectionShape, type PgError } from "green-pg"
import { PostgresServer } from "green-pg/testing"
import { randomUUID } from "node:crypto"
import { readdirSync } from "node:fs"
import { sessions, type Session, sharedServer } from "../../support/postgres.ts"

export type Driver = "libpq" | "wire"

export type World = PostgresServer | Libpq | Wait | WaitFd | FdIo

/** The server of all tests, the libpq that comes with it, and the event loop. */
export const world: Layer.Layer<World> = Layer.mergeAll(
  Layer.unwrap(Effect.map(PostgresServer, ({ libpq }) => Libpq.layer({ path: libpq }))).pipe(Layer.orDie),
  Green.layer
).pipe(Layer.provideMerge(sharedServer))

/** Where the server of a test is. */
export const socketOf = ({ port, socketDirectory, user }: PostgresServer["Service"]): PgConnectionOptions => ({
  host: socketDirectory,
  port,
  username: user,
  database: "postgres"
})

export const tcpOf = ({ host, port, user }: PostgresServer["Service"]): PgConnectionOptions => ({
  host,
  port,
  username: user,
  database: "postgres",
  ssl: "disable"
})

/** What the tests of one driver are written with. */
export interface Connecting {
  readonly driver: Driver
  readonly test: (
    name: string,
    program: () => Effect.Effect<unknown, unknown, World | Scope.Scope>,
    timeout?: number
  ) => void
  /** A connection by the driver, by the socket of the server unless said. */
  readonly connect: (options?: PgConnectionOptions) => Effect.Effect<PgConnectionShape, PgError, World | Scope.Scope>
  /** The sessions of this test. */
  readonly sessions: Effect.Effect<ReadonlyArray<Session>, never, PostgresServer>
}

/** Runs the tests by each driver. */
export const eachDriver = (tests: (connecting: Connecting) => void): void =>
  describe.each(["libpq", "wire"] as const)("by %s", (driver) => {
    let applicationName = ""
    const mySessions = Effect.suspend(() => sessions(applicationName))
    const test: Connecting["test"] = (name, program, timeout) =>
      it.live(
        name,
        () => {
          applicationName = `${driver} ${randomUUID()}`
          return unchanged(mySessions, Effect.scoped(Effect.suspend(program))).pipe(Effect.provide(world))
        },
        timeout
      )
    const connect: Connecting["connect"] = (options = {}) =>
      Effect.gen(function* () {
        const place = options.host === undefined && options.url === undefined ? socketOf(yield* PostgresServer) : {}
        const connection = yield* PgConnection.make({ ...place, applicationName, driver, ...options })
        if ((options.ssl ?? "disable") === "disable") assert.strictEqual(connection.driver, driver)
        return connection
      })
    tests({ driver, test, connect, sessions: mySessions })
  })

/** After the program has ended nothing of it is left, neither here nor on the server. */
const unchanged = <A, E, R>(
  mySessions: Effect.Effect<ReadonlyArray<Session>, never, PostgresServer>,
  program: Effect.Effect<A, E, R>
): Effect.Effect<void, E, R | World> =>
  Effect.gen(function* () {
    // What lives as long as the process is made by the first that needs it.
    yield* mySessions
    yield* Effect.orDie(Effect.scoped(Effect.flatMap(FdIo.makePipe, ({ writer }) => waitFd(writer, "write"))))
    const before = yield* open
    yield* program
    yield* until(mySessions, (found) => found.length === 0)
    const after = yield* until(open, (after) => Object.entries(before).every(([kind, count]) => after[kind] === count))
    assert.deepStrictEqual(after, before)
  })

const open = Effect.gen(function* () {
  const counts: Record<string, number> = { ...(yield* WaitFd.statistics), open: readdirSync("/proc/self/fd").length }
  return counts
})

/** Asks until the answer is as wanted. */
export const until = <A, E, R>(ask: Effect.Effect<A, E, R>, wanted: (answer: A) => boolean): Effect.Effect<A, E, R> =>
  Effect.repeat(ask, { until: wanted, schedule: Schedule.spaced("5 millis") }).pipe(
    Effect.timeoutOrElse({
      duration: "20 seconds",
      orElse: () => Effect.andThen(Effect.logError("what was waited for did not come"), ask)
    })
  )

/** The reason of the error that it fails with. */
export const reasonOf = <A, R>(failing: Effect.Effect<A, PgError, R>) =>
  Effect.map(Effect.flip(failing), ({ reason }) => reason)
