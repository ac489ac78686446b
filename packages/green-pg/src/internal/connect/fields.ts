/**
 * Which option is which keyword of libpq, and how its value is written there.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import type { ConnectOptions, InvalidOption, SslOptions } from "../../ConnectOptions.ts"
import { invalid } from "./checks.ts"

type Written = Result.Result<string | undefined, InvalidOption>

/**
 * The keyword, the option, and its value: `undefined` for an option that says nothing, `""` for one whose value is not
 * given to libpq here (a password to come, a time-out that is ours).
 */
export type Field = readonly [keyword: string, option: string, value: Written]

export const fields = (options: ConnectOptions): ReadonlyArray<Field> => {
  const ssl: SslOptions = typeof options.ssl === "string" ? { mode: options.ssl } : (options.ssl ?? {})
  const { keepAlive, password } = options
  return [
    plain("host", "host", list(options.host)),
    plain("hostaddr", "hostAddress", list(options.hostAddress)),
    plain("port", "port", list(options.port)),
    plain("user", "username", options.username),
    plain("password", "password", Effect.isEffect(password) ? "" : text(password)),
    plain("dbname", "database", options.database),
    plain("application_name", "applicationName", options.applicationName),
    plain("options", "startupOptions", options.startupOptions),
    plain("sslmode", "ssl.mode", ssl.mode),
    plain("sslrootcert", "ssl.rootCertificate", ssl.rootCertificate),
    plain("sslcert", "ssl.certificate", ssl.certificate),
    plain("sslkey", "ssl.key", ssl.key),
    plain("sslpassword", "ssl.keyPassword", text(ssl.keyPassword)),
    plain("sslcrl", "ssl.revocationList", ssl.revocationList),
    plain("sslcertmode", "ssl.certificateMode", ssl.certificateMode),
    plain("sslnegotiation", "ssl.negotiation", ssl.negotiation),
    plain("sslsni", "ssl.serverNameIndication", flag(ssl.serverNameIndication)),
    plain("ssl_min_protocol_version", "ssl.minimumVersion", ssl.minimumVersion),
    plain("ssl_max_protocol_version", "ssl.maximumVersion", ssl.maximumVersion),
    plain("channel_binding", "channelBinding", options.channelBinding),
    plain("require_auth", "requireAuthentication", options.requireAuthentication),
    plain("target_session_attrs", "targetSessionAttributes", options.targetSessionAttributes),
    plain("load_balance_hosts", "loadBalanceHosts", options.loadBalanceHosts),
    plain("service", "service", options.service),
    plain("passfile", "passfile", options.passfile),
    plain("connect_timeout", "connectTimeout", options.connectTimeout === undefined ? undefined : ""),
    plain("keepalives", "keepAlive", flag(keepAlive === undefined ? undefined : keepAlive !== false)),
    time("keepalives_idle", "keepAlive", keepAlive === false ? undefined : keepAlive, 1000),
    time("keepalives_interval", "keepAliveInterval", options.keepAliveInterval, 1000),
    ["keepalives_count", "keepAliveCount", count("keepAliveCount", options.keepAliveCount)],
    time("tcp_user_timeout", "tcpUserTimeout", options.tcpUserTimeout, 1)
  ]
}

/** A text that may be wrapped, as it is. */
export const text = (value: string | Redacted.Redacted | undefined): string | undefined =>
  Redacted.isRedacted(value) ? Redacted.value(value) : value

/** The duration that was meant, or what is wrong with it. */
export const duration = (option: string, input: Duration.Input): Result.Result<Duration.Duration, InvalidOption> =>
  Option.match(Duration.fromInput(input), {
    onNone: () => invalid(option, `${String(input)} is no duration; take milliseconds, or such as "5 seconds"`),
    onSome: (given) => Result.succeed(given)
  })

const plain = (keyword: string, option: string, value: string | undefined): Field => [
  keyword,
  option,
  Result.succeed(value)
]

const list = (value: string | number | ReadonlyArray<string | number> | undefined): string | undefined =>
  value === undefined ? undefined : typeof value === "object" ? value.join(",") : String(value)

const flag = (value: boolean | undefined): string | undefined => (value === undefined ? undefined : value ? "1" : "0")

const largest = 0x7fffffff

const count = (option: string, value: number | undefined): Written =>
  value === undefined || (Number.isInteger(value) && value > 0 && value <= largest)
    ? Result.succeed(value === undefined ? undefined : String(value))
    : invalid(option, `${value} is not an integer from 1 to ${largest}`)

const time = (keyword: string, option: string, input: Duration.Input | undefined, unit: number): Field => [
  keyword,
  option,
  input === undefined
    ? Result.succeed(undefined)
    : Result.flatMap(duration(option, input), (given) => {
        const units = Math.ceil(Duration.toMillis(given) / unit)
        return units > 0 && units <= largest
          ? Result.succeed(String(units))
          : invalid(option, `${Duration.format(given)} is not more than zero and at most ${largest * unit} ms`)
      })
]
