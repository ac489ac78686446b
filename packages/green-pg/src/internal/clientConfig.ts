/**
 * The `config` of the `PgClient` of @effect/sql-pg: what a client connects to, for those who connect by themselves, as its
 * migrator does with `pg_dump`.
 */
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type { GreenPgOptions } from "../GreenPg.ts"
import type { Settings } from "./connect/settings.ts"
import type { PgPoolConfig } from "./effectSql.ts"

/** What is not in the options is what libpq takes instead; what they have under another name here has its own. */
export const clientConfig = (options: GreenPgOptions, { hosts, value }: Settings): PgPoolConfig => {
  const ports = new Set(hosts.map(({ port }) => port))
  const { multiplex, url } = options
  return {
    url: url === undefined ? undefined : redacted(url),
    host: value("host"),
    port: ports.size === 1 ? hosts[0]?.port : undefined,
    database: value("dbname") || value("user"),
    username: value("user"),
    password: passwordOf(options, value("password")),
    ssl: /^(require|verify-ca|verify-full)$/.test(value("sslmode")),
    applicationName: value("application_name") || value("fallback_application_name") || "green-pg",
    startupOptions: options.startupOptions,
    startupParameters: options.startupParameters,
    connectTimeout: options.connectTimeout,
    spanAttributes: options.spanAttributes,
    transformResultNames: options.transformResultNames,
    transformQueryNames: options.transformQueryNames,
    transformJson: options.transformJson,
    multiplex: multiplex !== undefined && multiplex !== false,
    multiplexConcurrency: typeof multiplex === "number" ? multiplex : undefined,
    prepare: options.prepare,
    preparedStatementCacheSize: options.preparedStatements,
    maxConnections: options.maxConnections,
    minConnections: options.minConnections,
    idleTimeout: options.idleTimeout,
    connectionTTL: options.connectionTTL
  }
}

const redacted = (value: string | Redacted.Redacted): Redacted.Redacted =>
  Redacted.isRedacted(value) ? value : Redacted.make(value)

const passwordOf = ({ password }: GreenPgOptions, found: string): PgPoolConfig["password"] => {
  if (Effect.isEffect(password)) return Effect.orDie(Effect.map(password, redacted))
  return password === undefined && found === "" ? undefined : redacted(password ?? found)
}
