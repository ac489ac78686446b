/**
 * What to connect to: the options of a connection, and what can be wrong with them before there is one.
 *
 * Whatever the options leave out comes from where libpq has it: a service file, the environment (`PGHOST`,
 * `PGPASSWORD`, …), the password file, and libpq's own defaults, in this order. Nothing here connects.
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Redacted from "effect/Redacted"

/**
 * Whether the connection is encrypted, and what is verified: libpq's `sslmode`. Only `"verify-full"` makes sure that
 * the server is the one that was asked for; `"require"` encrypts and trusts anybody.
 *
 * @category models
 * @since 0.1.0
 */
export type SslMode = "disable" | "allow" | "prefer" | "require" | "verify-ca" | "verify-full"

/**
 * TLS. Certificates and keys are names of files, for libpq reads them.
 *
 * @category models
 * @since 0.1.0
 */
export interface SslOptions {
  /** `"prefer"` unless said; `"verify-full"` if `rootCertificate` is `"system"`. */
  readonly mode?: SslMode | undefined
  /** The file of the authorities that are trusted, or `"system"` for those of the system (libpq 16). */
  readonly rootCertificate?: string | undefined
  /** The file of the client's certificate. */
  readonly certificate?: string | undefined
  /** The file of the client's key, which nobody else may read. */
  readonly key?: string | undefined
  /** What the key is encrypted with. */
  readonly keyPassword?: string | Redacted.Redacted | undefined
  /** The file of the certificates that are revoked. */
  readonly revocationList?: string | undefined
  /** Whether the client's certificate is sent (libpq 16). */
  readonly certificateMode?: "disable" | "allow" | "require" | undefined
  /** `"direct"` saves a round trip: TLS from the first byte (libpq and server 17). */
  readonly negotiation?: "postgres" | "direct" | undefined
  /** Whether the name of the host is sent in the clear, as servers behind one address need it. It is unless said. */
  readonly serverNameIndication?: boolean | undefined
  /** TLSv1.2 unless said. */
  readonly minimumVersion?: "TLSv1" | "TLSv1.1" | "TLSv1.2" | "TLSv1.3" | undefined
  readonly maximumVersion?: "TLSv1" | "TLSv1.1" | "TLSv1.2" | "TLSv1.3" | undefined
}

/**
 * What kind of session is wanted: with `"prefer-standby"` all hosts are tried for a standby first, and then again for
 * any.
 *
 * @category models
 * @since 0.1.0
 */
export type TargetSessionAttributes = "any" | "read-write" | "read-only" | "primary" | "standby" | "prefer-standby"

/**
 * What to connect to. Names that @effect/sql-pg has, too, mean the same here, and so does libpq's keyword where one is
 * named. An empty string is as if absent, as in libpq. A NUL anywhere is an error.
 *
 * @category models
 * @since 0.1.0
 */
export interface ConnectOptions {
  /**
   * A URI (`postgresql://…`) or a string of `keyword=value` pairs, read by libpq itself. Every option here wins over
   * what it says.
   */
  readonly url?: string | Redacted.Redacted | undefined
  /**
   * Names or addresses of hosts, tried in order; a name is tried at each of its addresses. What begins with `/` is the
   * directory of a Unix socket, with `@` an abstract one. A string may be a list, with commas. libpq's default is the
   * Unix socket of the system.
   */
  readonly host?: string | ReadonlyArray<string> | undefined
  /** `hostaddr`: the addresses of the hosts, one for each. Nothing is looked up then. */
  readonly hostAddress?: string | ReadonlyArray<string> | undefined
  /** One for all hosts, or one for each: 5432 unless said. */
  readonly port?: number | ReadonlyArray<number> | undefined
  /** The name of the system's user unless said. */
  readonly username?: string | undefined
  /**
   * An Effect is performed for every new connection: for tokens that expire. One that fails is `PasswordUnavailable`.
   */
  readonly password?: string | Redacted.Redacted | Effect.Effect<string | Redacted.Redacted, unknown> | undefined
  /** `dbname`: the name of the user unless said. */
  readonly database?: string | undefined
  /** As the server shows it in `pg_stat_activity`: `"green-pg"` unless said. */
  readonly applicationName?: string | undefined
  /** `options`: command-line options of the server's process, such as `-c geqo=off`. */
  readonly startupOptions?: string | undefined
  /**
   * Settings of the session, by name: `{ search_path: "app", statement_timeout: "5s" }`. They are added to
   * `startupOptions`, and so need a pooler that lets `options` pass. `client_encoding` is always UTF8.
   */
  readonly startupParameters?: Readonly<Record<string, string>> | undefined
  readonly ssl?: SslMode | SslOptions | undefined
  /** Whether SCRAM is tied to the TLS channel. */
  readonly channelBinding?: "disable" | "prefer" | "require" | undefined
  /** `require_auth`: the ways of authentication that are accepted, such as `"scram-sha-256"` (libpq 16). */
  readonly requireAuthentication?: string | undefined
  /**
   * How long each address may take to give a session, and the lookup of a name its addresses; without limit if zero,
   * negative or infinite.
   *
   * Unless said it is what `connect_timeout` says in the URL, the service file or `PGCONNECT_TIMEOUT`: seconds, where 1
   * counts as 2 and 0 is no limit, as in libpq. Else 130 seconds: a little more than Linux tries to reach a host, so
   * that its own error comes first, and a server that accepts and says nothing is still given up.
   */
  readonly connectTimeout?: Duration.Input | undefined
  readonly targetSessionAttributes?: TargetSessionAttributes | undefined
  /** `"random"`: hosts, and the addresses of each, are tried in an order made anew for every connection. */
  readonly loadBalanceHosts?: "disable" | "random" | undefined
  /** The name of a section in the service file, for whatever is not said here or in the URL. */
  readonly service?: string | undefined
  /** The file of passwords: `~/.pgpass` unless said. */
  readonly passfile?: string | undefined
  /**
   * How long a connection is idle before the system probes whether its peer is still there; `false` for no probes. Whole
   * seconds, rounded up. The system's time unless said.
   */
  readonly keepAlive?: Duration.Input | false | undefined
  /** Between two probes. Whole seconds, rounded up. */
  readonly keepAliveInterval?: Duration.Input | undefined
  /** How many probes may be lost before the connection is. */
  readonly keepAliveCount?: number | undefined
  /** How long what was sent may stay unacknowledged before the connection is lost (TCP_USER_TIMEOUT). */
  readonly tcpUserTimeout?: Duration.Input | undefined
  /**
   * Any other keyword of libpq, by its own name: `{ gssencmode: "disable" }`. One that an option here has said is an
   * error, and so is one that the installed libpq does not know.
   */
  readonly conninfo?: Readonly<Record<string, string>> | undefined
}

/**
 * A host that has no address, and why.
 *
 * @category errors
 * @since 0.1.0
 */
export interface UnresolvedHost {
  readonly host: string
  readonly problem: string
}

/**
 * An option with which nothing can be connected; `option` is where it was said: `"port"`, `"ssl.key"`,
 * `"conninfo.sslcrl"`, `"url"`. The `problem` never has a secret in it.
 *
 * @category errors
 * @since 0.1.0
 */
export interface InvalidOption {
  readonly _tag: "InvalidOption"
  readonly option: string
  readonly problem: string
}

/**
 * Why there is nothing to connect to.
 *
 * - `InvalidOption`: an option is wrong, whatever the network says.
 * - `UnresolvedHosts`: none of the hosts has an address.
 * - `PasswordUnavailable`: the Effect that gives the password failed, with `cause`.
 *
 * @category errors
 * @since 0.1.0
 */
export type ConnectOptionsReason =
  | InvalidOption
  | { readonly _tag: "UnresolvedHosts"; readonly hosts: ReadonlyArray<UnresolvedHost> }
  | { readonly _tag: "PasswordUnavailable"; readonly cause: unknown }

/**
 * What went wrong, in words. Of the `cause` of a `PasswordUnavailable` nothing is said: it may hold the secret.
 *
 * @category conversions
 * @since 0.1.0
 */
export const describe = (reason: ConnectOptionsReason): string => {
  switch (reason._tag) {
    case "InvalidOption":
      return `${reason.option}: ${reason.problem}`
    case "UnresolvedHosts":
      return `no host has an address: ${reason.hosts.map(({ host, problem }) => `${host} (${problem})`).join(", ")}`
    case "PasswordUnavailable":
      return "the Effect that gives the password failed; its error is the cause"
  }
}
