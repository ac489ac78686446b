/** A wire driver on a session of its own with the test's server, and how its protocols are stepped. */
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as Scope from "effect/Scope"
import { Green, Protocol } from "green-core"
import { PostgresServer } from "green-pg/testing"
import { Libpq, type LibpqFunctions } from "../../src/Libpq.ts"
import { PgError } from "../../src/PgError.ts"
import type { Driver } from "../../src/internal/Driver.ts"
import { connectWire, Events, type Recorder, run } from "./drive.ts"

/** Steps a protocol, without a fiber per step. What it throws that is no `PgError` is a defect. */
export const step = <A>(protocol: () => Protocol.Protocol<A>): Effect.Effect<A, PgError> =>
  Protocol.run(protocol, { catch: (thrown) => thrown }).pipe(
    Effect.catch((thrown) => (thrown instanceof PgError ? Effect.fail(thrown) : Effect.die(thrown))),
    Effect.provide(Green.layer)
  )

/** The same in this thread, blocking it. */
export const stepBlocking = <A>(protocol: () => Protocol.Protocol<A>): Exit.Exit<A, unknown> =>
  Green.runSyncExit(Protocol.run(protocol, { catch: (thrown) => thrown }))

export const settings: Effect.Effect<Record<string, string>, never, PostgresServer> = PostgresServer.useSync(
  ({ database, port, socketDirectory, user }) => ({
    host: socketDirectory,
    port: String(port),
    user,
    dbname: database,
    client_encoding: "UTF8",
    application_name: "wire"
  })
)

/** The libpq of the server's package. */
export const libpq: Effect.Effect<LibpqFunctions, PgError, PostgresServer> = PostgresServer.use((server) =>
  Effect.provide(
    Libpq.useSync((functions) => functions),
    Libpq.layer({ path: server.libpq })
  )
)

/** A driver, closed at the end of the scope. `watch` may stand between it and libpq. */
export const connected = (
  events: Events = new Events(),
  watch: (functions: LibpqFunctions) => LibpqFunctions = (functions) => functions
): Effect.Effect<Driver, PgError, PostgresServer | Scope.Scope> =>
  Effect.acquireRelease(
    Effect.gen(function* () {
      const functions = watch(yield* libpq)
      const options = yield* settings
      return yield* step(() => connectWire(functions, options, events))
    }),
    (driver) => Effect.sync(() => driver.close())
  )

export const ask = (driver: Driver, ...exchanges: ReadonlyArray<Recorder>): Effect.Effect<void, PgError> =>
  step(() => run(driver, ...exchanges))
