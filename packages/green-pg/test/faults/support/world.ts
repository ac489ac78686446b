/**
 * Where the tests of faults happen: the server of all tests, the libpq that comes with it, the event loop; and what is
 * to be as before when a test is over.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import { FdIo, Green, type Wait, WaitFd, waitFd } from "green-core"
import { Libpq, PgConnection, type PgConnectionOptions, type PgConnectionShape, type PgError } from "green-pg"
import { PostgresServer } from "green-pg/testing"
import { randomUUID } from "node:crypto"
import { readdirSync } from "node:fs"
import { sessions, sharedServer } from "../../support/postgres.ts"

export const drivers = ["libpq", "wire"] as const
export type Driver = (typeof drivers)[number]

/** The name by which the server knows the sessions of the test that runs. */
export class Named extends Context.Service<Named, string>()("test/Named") {}

export type World = PostgresServer | Libpq | Wait | WaitFd | FdIo | Named

/** The library of the server that the test has, and the event loop. */
const clientOf = Layer.mergeAll(
  Layer.unwrap(Effect.map(PostgresServer, ({ libpq }) => Libpq.layer({ path: libpq }))).pipe(Layer.orDie),
  Green.layer
)

/** How to reach the server. */
export const optionsOf = (driver: Driver): Effect.Effect<PgConnectionOptions, never, PostgresServer | Named> =>
  Effect.gen(function* () {
    const { port, socketDirectory, user } = yield* PostgresServer
    const applicationName = yield* Named
    return { driver, host: socketDirectory, port, username: user, database: "postgres", applicationName }
  })

/** A connection by the driver, on a plain socket. */
export const connect = (
  driver: Driver,
  options: PgConnectionOptions = {}
): Effect.Effect<PgConnectionShape, PgError, World | Scope.Scope> =>
  Effect.gen(function* () {
    const connection = yield* PgConnection.make({ ...(yield* optionsOf(driver)), ...options })
    assert.strictEqual(connection.driver, driver)
    return connection
  })

/** The sessions of this test, as the server has them. */
export const mySessions = Effect.flatMap(Named, sessions)

/** What this process has open, who waits, and what is leased. */
export const open = Effect.gen(function* () {
  const { account } = yield* WaitFd
  return { ...account.statistics(), leased: account.leased.size, open: readdirSync("/proc/self/fd").length }
})

/** Asks until the answer is as wanted; the last answer when that takes too long. */
export const until = <A, E, R>(ask: Effect.Effect<A, E, R>, wanted: (answer: A) => boolean): Effect.Effect<A, E, R> =>
  Effect.repeat(ask, { until: wanted, schedule: Schedule.spaced("5 millis") }).pipe(
    Effect.timeoutOrElse({ duration: "20 seconds", orElse: () => ask })
  )

/** What must end. A test that hangs says where. */
export const ends = <A, E, R>(what: string, effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.timeoutOrElse(effect, {
    duration: "30 seconds",
    orElse: () => Effect.die(new Error(`this hangs: ${what}`))
  })

/** Whether two such records are the same, in what the first has. */
const same = (expected: Readonly<Record<string, number>>, found: Readonly<Record<string, number>>): boolean =>
  Object.entries(expected).every(([kind, count]) => found[kind] === count)

/** Waits until what is open is as it is to be, and asserts it. */
export const isOpen = (expected: Readonly<Record<string, number>>, what: string) =>
  Effect.map(
    until(open, (found) => same(expected, found)),
    (found) => assert.deepInclude(found, expected, what)
  )

/** After the program has ended nothing of it is left, neither here nor on the server. */
const unchanged = <A, E, R>(program: Effect.Effect<A, E, R>): Effect.Effect<void, E, R | World> =>
  Effect.gen(function* () {
    // What lives as long as the process is made by the first that needs it.
    yield* mySessions
    yield* Effect.orDie(Effect.scoped(Effect.flatMap(FdIo.makePipe, ({ writer }) => waitFd(writer, "write"))))
    const before = yield* open
    yield* program
    assert.deepStrictEqual(yield* until(mySessions, (found) => found.length === 0), [])
    yield* isOpen(before, "what is open at the end")
  })

export type Test = (
  name: string,
  program: () => Effect.Effect<unknown, unknown, World | Scope.Scope>,
  timeout?: number
) => void

const worldOf = <E>(server: Layer.Layer<PostgresServer, E>): Layer.Layer<World, E> =>
  Layer.provideMerge(clientOf, Layer.merge(server, Layer.sync(Named, randomUUID)))

/** All of it, on the server of all. */
const world: Layer.Layer<World> = worldOf(sharedServer)

/** OpenSSL opens its sources of chance when it is first used, and keeps them: for a file of tests that use it. */
export const openSsl = (): Promise<void> =>
  Effect.gen(function* () {
    const { host } = yield* PostgresServer
    yield* PgConnection.make({ ...(yield* optionsOf("libpq")), host, ssl: "require" })
  }).pipe(Effect.scoped, Effect.provide(world), Effect.runPromise)

const testOn =
  (server: Layer.Layer<PostgresServer, unknown>): Test =>
  (name, program, timeout) =>
    it.live(
      name,
      () => unchanged(Effect.scoped(Effect.suspend(program))).pipe(Effect.provide(worldOf(server))),
      timeout
    )

/** A test on the server of all. */
export const test: Test = testOn(sharedServer)

/** A test on a server of its own, which it may stop. */
export const testAlone: Test = testOn(PostgresServer.layer())

/** The same tests by each driver. */
export const eachDriver = (tests: (driver: Driver) => void): void =>
  describe.each(drivers)("by %s", (driver) => {
    tests(driver)
  })
