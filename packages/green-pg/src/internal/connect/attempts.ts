/**
 * The attempts that connecting is made of: one for each address of each host, each a plain record of libpq's keywords.
 *
 * libpq would try hosts one after the other by itself, but it looks up their names in between, which blocks the thread,
 * and it counts no time while it is polled. So each attempt has one address, and nothing to look up.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as Result from "effect/Result"
import { isIP } from "node:net"
import type { ConnectOptions, ConnectOptionsReason, UnresolvedHost } from "../../ConnectOptions.ts"
import { checked, isSocket } from "./checks.ts"
import type { ConnectEnvironment } from "./Environment.ts"
import { text } from "./fields.ts"
import { describeHost, type Host } from "./hosts.ts"
import { type Settings, settings } from "./settings.ts"

/** What `PQconnectStartParams(keywords, values, 0)` is called with. A password is among the values: show none. */
export interface Attempt {
  readonly keywords: ReadonlyArray<string>
  readonly values: ReadonlyArray<string>
  /** `db.example (10.0.0.3), port 5432`, or `socket /tmp/.s.PGSQL.5432`. */
  readonly description: string
  /** How long the attempt may take; `undefined` for any time. */
  readonly timeout: Duration.Duration | undefined
}

/** At least one attempt, in order, and the hosts for which there is none because they have no address. */
export interface Attempts {
  readonly attempts: ReadonlyArray<Attempt>
  readonly unresolved: ReadonlyArray<UnresolvedHost>
}

/**
 * The attempts of one new connection. Performs the password's Effect, and looks up all names at the same time. In a
 * thread that is blocked by the program a name is left to libpq. Interruption stops the waiting.
 */
export const attempts = <R>(
  options: ConnectOptions,
  environment: ConnectEnvironment<R>
): Effect.Effect<Attempts, ConnectOptionsReason, R> =>
  Effect.gen(function* () {
    const made = yield* Effect.fromResult(settings(options, environment))
    const password = yield* passwordOf(options)
    const order = yield* made.loadBalance ? Random.shuffle(made.hosts) : Effect.succeed(made.hosts)
    const resolved = yield* Effect.forEach(order, (host) => Effect.result(addresses(host, made, environment)), {
      concurrency: "unbounded"
    })
    const unresolved = resolved.filter(Result.isFailure).map(({ failure }) => failure)
    const hosts = resolved.filter(Result.isSuccess).flatMap(({ success }) => success)
    if (hosts.length === 0) return yield* Effect.fail({ _tag: "UnresolvedHosts" as const, hosts: unresolved })

    const common = commonValues(made)
    if (password !== "") common.set("password", password)
    const attempts = targets(made.value("target_session_attrs")).flatMap((target) =>
      hosts.map((host) => attempt(made, common, host, target))
    )
    return { attempts, unresolved }
  })

const passwordOf = ({ password }: ConnectOptions): Effect.Effect<string, ConnectOptionsReason> =>
  Effect.isEffect(password)
    ? password.pipe(
        Effect.mapError((cause) => ({ _tag: "PasswordUnavailable" as const, cause })),
        Effect.flatMap((given) =>
          Effect.fromResult(checked("password", { option: "password", value: text(given) ?? "" }))
        ),
        Effect.map(({ value }) => value)
      )
    : Effect.succeed("")

/** The host once for each of its addresses. */
const addresses = <R>(
  host: Host,
  { loadBalance, timeout }: Settings,
  environment: ConnectEnvironment<R>
): Effect.Effect<ReadonlyArray<Host>, UnresolvedHost, R> => {
  const name = host.host
  if (host.address !== "" || name === "" || isSocket(name)) return Effect.succeed([host])
  if (isIP(name) !== 0) return Effect.succeed([{ ...host, address: name }])
  const unresolved = (problem: string) => Effect.fail({ host: name, problem })
  return environment.lookup(name).pipe(
    timeout === undefined
      ? (lookup) => lookup
      : Effect.timeoutOrElse({
          duration: timeout,
          orElse: () => unresolved(`it was not looked up within ${Duration.format(timeout)}`)
        }),
    Effect.flatMap((found) => {
      if (found === undefined) return Effect.succeed([host])
      if (found.length === 0) return unresolved("it has no address")
      const hosts = found.map((address) => ({ ...host, address }))
      return loadBalance ? Random.shuffle(hosts) : Effect.succeed(hosts)
    })
  )
}

/** As libpq does it: all hosts for a standby, and then all again for any. */
const targets = (target: string): ReadonlyArray<string> => (target === "prefer-standby" ? ["standby", "any"] : [target])

/** What all attempts have. What nobody said libpq adds by itself, as before. */
const commonValues = ({ knows, said, switches, value }: Settings): Map<string, string> => {
  const common = new Map([...said].map(([keyword, { value }]) => [keyword, value]))
  for (const keyword of ["host", "hostaddr", "port", "connect_timeout", "target_session_attrs"]) common.delete(keyword)
  if (!knows("load_balance_hosts")) common.delete("load_balance_hosts")
  if (switches !== "") common.set("options", [value("options"), switches].filter((part) => part !== "").join(" "))
  common.set("client_encoding", "UTF8")
  common.set("fallback_application_name", value("fallback_application_name") || "green-pg")
  return common
}

const attempt = (made: Settings, common: ReadonlyMap<string, string>, host: Host, target: string): Attempt => {
  const values = new Map(common)
  for (const [keyword, value] of place(made, host)) if (value !== "") values.set(keyword, value)
  if (target !== "") values.set("target_session_attrs", target)
  return {
    keywords: [...values.keys()],
    values: [...values.values()],
    description: describeHost(host),
    timeout: made.timeout
  }
}

const place = ({ value }: Settings, { address, host, port }: Host): ReadonlyArray<readonly [string, string]> => {
  // To libpq an empty value is none, so that the list of the environment or the service file would come in the place of
  // an empty element. A list of two that are empty is a value: the same place twice.
  const doubled = (host === "" && value("host") !== "") || (address === "" && value("hostaddr") !== "")
  const list = (one: string): string => (doubled ? `${one},${one}` : one)
  return [
    ["host", list(host)],
    ["hostaddr", list(address)],
    ["port", String(port)]
  ]
}
