/**
 * Settings of a session, written as the options that PostgreSQL's process takes: `-c name=value`. libpq sends no
 * parameters of a caller's in any other way.
 */
import * as Result from "effect/Result"
import type { ConnectOptions, InvalidOption } from "../../ConnectOptions.ts"
import { checked, invalid } from "./checks.ts"

/** The options, without `application_name` and `client_encoding`, which libpq sends itself and which would win. */
export const startupParameters = (options: ConnectOptions): Result.Result<string, InvalidOption> =>
  Result.gen(function* () {
    const switches: Array<string> = []
    for (const [name, value] of Object.entries(options.startupParameters ?? {})) {
      const lower = name.toLowerCase()
      if (!/^[a-z_][\w$]*(\.[a-z_][\w$]*)*$/.test(lower)) {
        return yield* invalid("startupParameters", `${JSON.stringify(name)} is no name of a setting`)
      }
      const option = `startupParameters.${name}`
      const instead = noSettings.get(lower)
      if (instead !== undefined) return yield* invalid(option, `it is no setting; say it as ${instead}`)
      yield* checked(lower, { option, value })
      if (!sentByLibpq.has(lower)) switches.push(`-c ${lower}=${value.replace(/[\s\\]/g, "\\$&")}`)
    }
    return switches.join(" ")
  })

/** What they say of the application's name: the keyword of libpq that it is. */
export const applicationName = (options: ConnectOptions): string | undefined =>
  Object.entries(options.startupParameters ?? {}).find(([name]) => name.toLowerCase() === "application_name")?.[1]

const sentByLibpq: ReadonlySet<string> = new Set(["application_name", "client_encoding"])

const noSettings: ReadonlyMap<string, string> = new Map([
  ["user", "username"],
  ["database", "database"],
  ["options", "startupOptions"],
  ["replication", "conninfo.replication"]
])
