/** A libpq that is made up: its environment is a record, and so are its names. */
import * as Effect from "effect/Effect"
import type { UnresolvedHost } from "../../../src/ConnectOptions.ts"
import type { Attempt } from "../../../src/internal/connect/attempts.ts"
import type { ConnectEnvironment } from "../../../src/internal/connect/Environment.ts"

const keywords = [
  ...["service", "user", "password", "passfile", "channel_binding", "connect_timeout", "dbname", "host", "hostaddr"],
  ...["port", "client_encoding", "options", "application_name", "fallback_application_name", "keepalives"],
  ...["keepalives_idle", "keepalives_interval", "keepalives_count", "tcp_user_timeout", "sslmode", "sslcert", "sslkey"],
  ...["sslpassword", "sslrootcert", "sslcrl", "sslsni", "sslcertmode", "sslnegotiation", "ssl_min_protocol_version"],
  ...["ssl_max_protocol_version", "require_auth", "gssencmode", "replication", "target_session_attrs"],
  ...["load_balance_hosts", "oauth_client_secret", "scram_client_key", "scram_server_key"]
]

export const made = (
  given: {
    /** What comes from the service file and the environment. */
    readonly ambient?: Readonly<Record<string, string>>
    readonly names?: Readonly<Record<string, ReadonlyArray<string>>>
    readonly unknown?: ReadonlyArray<string>
    readonly lookup?: ConnectEnvironment<never>["lookup"]
  } = {}
): ConnectEnvironment<never> => ({
  /** `keyword=value` with no quotes; whatever else is not read. */
  parse: (conninfo) =>
    Object.fromEntries(
      conninfo.split(" ").map((pair) => {
        const [keyword, value, ...more] = pair.split("=")
        if (value === undefined || more.length > 0 || keyword === undefined) {
          throw new Error(`missing "=" after "${pair}" in connection info string\n`)
        }
        if (!keywords.includes(keyword)) throw new Error(`invalid connection option "${keyword}"\n`)
        return [keyword, value]
      })
    ),
  settings: (asked, values) => {
    const known = keywords.filter((keyword) => !given.unknown?.includes(keyword))
    const nothing = Object.fromEntries(known.map((keyword) => [keyword, undefined]))
    return asked.every((keyword) => known.includes(keyword))
      ? {
          ...nothing,
          port: "5432",
          user: "me",
          ...given.ambient,
          ...Object.fromEntries(asked.map((keyword, index) => [keyword, values[index]]))
        }
      : nothing
  },
  lookup:
    given.lookup ??
    ((name) => {
      const found = given.names?.[name]
      return found === undefined ? Effect.fail(notFound(name)) : Effect.succeed(found)
    })
})

export const notFound = (host: string): UnresolvedHost => ({ host, problem: "nobody knows it" })

/** The value that an attempt has for a keyword. */
export const value = (attempt: Attempt | undefined, keyword: string): string | undefined =>
  attempt?.values[attempt.keywords.indexOf(keyword)]

/** Where an attempt goes. */
export const place = (attempt: Attempt): string =>
  ["host", "hostaddr", "port"].map((keyword) => value(attempt, keyword) ?? "").join(" ")
