/**
 * Programs that misbehave in ways that could end a process, or keep it from ending. Each says what it saw. `run.ts` runs
 * one of them in a process of its own.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Queue from "effect/Queue"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { type FdIo, type Wait, type WaitFd } from "green-core"
import { turnsOfTheLoop } from "green-core/testing"
import { type Libpq, PgConnection, type PgConnectionOptions, type PgConnectionShape, type PgError } from "green-pg"
import * as Fs from "node:fs"
import { tmpdir } from "node:os"
import * as Path from "node:path"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"

type World = Libpq | Wait | WaitFd | FdIo | Scope.Scope

export type Hazard = (options: PgConnectionOptions) => Effect.Effect<unknown, PgError, World>

setFlagsFromString("--expose-gc")
const collect: () => void = runInNewContext("gc")

const now = { startImmediately: true } as const

const reasonOf = <A, R>(failing: Effect.Effect<A, PgError, R>) =>
  Effect.map(Effect.exit(failing), (exit) => {
    const error = Exit.findErrorOption(exit)
    return error._tag === "Some" ? error.value.reason._tag : exit._tag
  })

/** The sockets that this process has open. */
const sockets = (): ReadonlyArray<number> =>
  Fs.readdirSync("/proc/self/fd").flatMap((name) => {
    try {
      return Fs.readlinkSync(`/proc/self/fd/${name}`).startsWith("socket:") ? [Number(name)] : []
    } catch {
      return []
    }
  })

/** A connection, and its descriptor. */
const withSocket = (options: PgConnectionOptions) =>
  Effect.gen(function* () {
    const before = new Set(sockets())
    const connection = yield* PgConnection.make(options)
    const fd = sockets().find((fd) => !before.has(fd)) ?? -1
    return { connection, fd }
  })

/** A connection that its own callers close: `close` is called in the answer to something. */
const closable = (options: PgConnectionOptions) =>
  Effect.gen(function* () {
    const scope = yield* Scope.make()
    const connection = yield* Scope.provide(PgConnection.make(options), scope)
    return { connection, close: Scope.close(scope, Exit.void) }
  })

const sleeping = (connection: PgConnectionShape) => connection.query("SELECT pg_sleep(60)")

export const hazards: Readonly<Record<string, Hazard>> = {
  "exits with statements on the way": (options) =>
    Effect.gen(function* () {
      const connection = yield* PgConnection.make(options)
      yield* Effect.forkChild(
        Effect.all([sleeping(connection), sleeping(connection)], { concurrency: "unbounded" }),
        now
      )
      yield* turnsOfTheLoop
      return process.exit(3)
    }),

  "forgets to close": (options) =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const connection = yield* Scope.provide(PgConnection.make(options), scope)
      const { rows } = yield* connection.query("SELECT 1 AS one")
      return rows
    }),

  "dies of an error that nobody handles": (options) =>
    Effect.gen(function* () {
      const connection = yield* PgConnection.make(options)
      yield* Effect.forkChild(sleeping(connection), now)
      setImmediate(() => {
        throw new Error("nobody handles this")
      })
      return yield* Effect.never
    }),

  "exits when it hears a notice": (options) =>
    Effect.gen(function* () {
      const connection = yield* PgConnection.make(options)
      yield* Effect.forkChild(
        Stream.runForEach(connection.notices, () => Effect.sync(() => process.exit(4))),
        now
      )
      return yield* connection.script("DO $$ BEGIN RAISE NOTICE 'go'; END $$; SELECT pg_sleep(60)")
    }),

  "exits when it hears a notification": (options) =>
    Effect.gen(function* () {
      const connection = yield* PgConnection.make(options)
      const heard = yield* connection.listen("channel")
      yield* Effect.forkChild(
        Effect.tap(Queue.take(heard), () => Effect.sync(() => process.exit(5))),
        now
      )
      yield* connection.notify("channel")
      return yield* sleeping(connection)
    }),

  "collects garbage while connections are idle, listening and busy": (options) =>
    Effect.gen(function* () {
      const connection = yield* PgConnection.make(options)
      const heard = yield* connection.listen("channel")
      const round = Effect.andThen(
        Effect.sync(() => collect()),
        turnsOfTheLoop
      )
      yield* Effect.repeat(round, { times: 10 })
      const idle = yield* PgConnection.make(options)
      const busy = yield* Effect.forkChild(connection.query("SELECT pg_sleep(0.1), 1 AS one"), now)
      yield* Effect.repeat(round, { times: 10 })
      yield* idle.notify("channel", "still here")
      const { payload } = yield* Effect.orDie(Queue.take(heard))
      const { rows } = yield* Fiber.join(busy)
      return [payload, rows[0]?.["one"]]
    }),

  "closes the connection in the answer to a statement": (options) =>
    Effect.gen(function* () {
      const { close, connection } = yield* closable(options)
      const first = Effect.andThen(connection.query("SELECT 1"), close)
      return yield* Effect.all(
        [reasonOf(first), reasonOf(connection.query("SELECT 2")), reasonOf(sleeping(connection))],
        {
          concurrency: "unbounded"
        }
      )
    }),

  "closes the connection in the middle of rows": (options) =>
    Effect.gen(function* () {
      const { close, connection } = yield* closable(options)
      let rows = 0
      const stream = connection.stream("SELECT i FROM generate_series(1, 100000) i", [], { chunkSize: 100 })
      const reading = Stream.runForEach(stream, () => (++rows === 150 ? close : Effect.void))
      return [yield* reasonOf(reading), rows >= 150]
    }),

  "closes the connection in the middle of a COPY": (options) =>
    Effect.gen(function* () {
      const { close, connection } = yield* closable(options)
      let sent = 0
      const source = Stream.fromEffectRepeat(
        Effect.suspend(() => Effect.as(++sent === 100 ? close : Effect.void, new Uint8Array(10_000).fill(0x78)))
      )
      yield* connection.script("CREATE TEMPORARY TABLE copied (value text)")
      return yield* reasonOf(Stream.run(source, connection.copyIn("COPY copied FROM STDIN")))
    }),

  "closes the connection when it hears a notice or a notification": (options) =>
    Effect.gen(function* () {
      const one = yield* closable(options)
      yield* Effect.forkChild(
        Stream.runForEach(one.connection.notices, () => one.close),
        now
      )
      const noticed = yield* reasonOf(
        one.connection.script("DO $$ BEGIN RAISE NOTICE 'go'; END $$; SELECT pg_sleep(60)")
      )
      const other = yield* closable(options)
      const notified = yield* reasonOf(
        Effect.scoped(
          Effect.gen(function* () {
            const heard = yield* other.connection.listen("channel")
            yield* Effect.forkChild(Effect.andThen(Queue.take(heard), other.close), now)
            yield* other.connection.query("SELECT pg_notify('channel', '')")
            return yield* sleeping(other.connection)
          })
        )
      )
      return [noticed, notified]
    }),

  "somebody closes the descriptor of an idle connection, and opens a file": (options) =>
    Effect.gen(function* () {
      const { connection, fd } = yield* withSocket(options)
      yield* connection.query("SELECT 1")
      const file = Path.join(Fs.mkdtempSync(Path.join(tmpdir(), "green-pg-hazard-")), "file")
      Fs.closeSync(fd)
      const isReused = Fs.openSync(file, "w+") === fd
      const outcome = yield* reasonOf(connection.query("SELECT 'not into a file'"))
      const written = Fs.readFileSync(file, "utf8")
      Fs.rmSync(Path.dirname(file), { recursive: true })
      return [isReused, outcome, written, connection.isUsable()]
    }),

  "somebody closes the descriptor while a statement runs": (options) =>
    Effect.gen(function* () {
      const { connection, fd } = yield* withSocket(options)
      const running = yield* Effect.forkChild(sleeping(connection), now)
      yield* turnsOfTheLoop
      Fs.closeSync(fd)
      yield* turnsOfTheLoop
      yield* Fiber.interrupt(running)
      return [connection.isUsable(), yield* reasonOf(connection.query("SELECT 1"))]
    })
}
