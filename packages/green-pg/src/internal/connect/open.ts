/**
 * Opens a connection: tries the addresses one after the other, each within its time, and gives the driver of the first
 * that answers. Called by `PgConnection.make`.
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { FdError, Protocol, type Wait, type WaitFd } from "green-core"
import { type ConnectOptions, describe } from "../../ConnectOptions.ts"
import type { Handle, LibpqFunctions } from "../../Libpq.ts"
import { type FailedAttempt, PgError } from "../../PgError.ts"
import type { Driver } from "../Driver.ts"
import { type Attempt, attempts } from "./attempts.ts"
import { connect } from "./connect.ts"
import { lookup } from "./lookup.ts"
import { type Settings, settings } from "./settings.ts"

/** What makes a driver of an established connection, and owns it from then on; also when it throws. */
export type Establish = (connection: Handle) => Protocol.Protocol<Driver>

/**
 * Fails with `PgError`: `InvalidOption`, or `ConnectFailed` with the reason for each address. Interruption closes what is
 * being connected.
 */
export const open = (
  libpq: LibpqFunctions,
  options: ConnectOptions,
  establish: Establish
): Effect.Effect<Driver, PgError, Wait | WaitFd> =>
  Effect.gen(function* () {
    const { attempts: list, unresolved } = yield* attempts(options, environment(libpq)).pipe(
      Effect.mapError((reason) =>
        reason._tag === "UnresolvedHosts"
          ? failed(reason.hosts.map(({ host, problem }) => ({ address: host, problem })))
          : new PgError({
              operation: "connect",
              reason:
                reason._tag === "InvalidOption"
                  ? reason
                  : { _tag: "InvalidOption", option: "password", problem: describe(reason), cause: reason.cause }
            })
      )
    )
    const failures: Array<FailedAttempt> = unresolved.map(({ host, problem }) => ({ address: host, problem }))
    for (const attempt of list) {
      const driver = yield* Effect.result(tryOne(libpq, attempt, establish))
      if (driver._tag === "Success") return driver.success
      failures.push(driver.failure)
    }
    return yield* failed(failures)
  })

const failed = (attempts: ReadonlyArray<FailedAttempt>): PgError =>
  new PgError({ operation: "connect", reason: { _tag: "ConnectFailed", attempts } })

const tryOne = (
  libpq: LibpqFunctions,
  attempt: Attempt,
  establish: Establish
): Effect.Effect<Driver, FailedAttempt, WaitFd> => {
  const address = attempt.description
  const connecting = Protocol.run(
    function* () {
      return yield* establish(yield* connect(libpq, attempt))
    },
    { catch: (thrown) => failure(address, thrown) }
  )
  return attempt.timeout === undefined
    ? connecting
    : Effect.timeoutOrElse(connecting, {
        duration: attempt.timeout,
        orElse: () => Effect.fail({ address, problem: "no answer within the connect timeout" })
      })
}

const failure = (address: string, thrown: unknown): FailedAttempt => {
  const text = thrown instanceof Error ? thrown.message : String(thrown)
  if (thrown instanceof PgError || thrown instanceof FdError) return { address, problem: text }
  // Verbose messages have the SQLSTATE, which libpq tells in no other way while it connects: "FATAL:  28P01: …".
  const code = /\b[A-Z]+:\s+([0-9A-Z]{5}):\s/.exec(text)?.[1]
  const problem = text
    .replace(/\nLOCATION: .*/g, "")
    .replace(/(\b[A-Z]+:\s+)[0-9A-Z]{5}:\s+/g, "$1")
    .replace(/\s*\n\s*/g, "; ")
  return code === undefined ? { address, problem } : { address, problem, code }
}

/** What a connection would be made with, without one. */
export const settingsOf = (libpq: LibpqFunctions, options: ConnectOptions): Result.Result<Settings, PgError> =>
  Result.mapError(settings(options, environment(libpq)), (reason) => new PgError({ operation: "connect", reason }))

const environment = (libpq: LibpqFunctions) => ({
  parse: libpq.PQconninfoParse,
  settings: (keywords: ReadonlyArray<string>, values: ReadonlyArray<string>) => {
    const connection = libpq.PQconnectStartParams(keywords, values)
    if (connection === 0) return {}
    try {
      return libpq.PQconninfo(connection)
    } finally {
      libpq.PQfinish(connection)
    }
  },
  lookup
})
