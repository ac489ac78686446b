/**
 * What a connection will be made with: what the options say, and what libpq adds from the service file, the environment
 * and its defaults. Asked of libpq itself, so that all of its rules hold.
 */
import * as Duration from "effect/Duration"
import * as Result from "effect/Result"
import type { ConnectOptions, InvalidOption } from "../../ConnectOptions.ts"
import { invalid, type Said } from "./checks.ts"
import type { ConnectEnvironment } from "./Environment.ts"
import { duration } from "./fields.ts"
import { type Host, hosts } from "./hosts.ts"
import { keywords, type Keywords } from "./keywords.ts"
import { startupParameters } from "./startupParameters.ts"

export interface Settings {
  /** What the options say. */
  readonly said: Keywords
  /** Whether libpq knows a keyword. */
  readonly knows: (keyword: string) => boolean
  /** The value of a keyword that counts, whoever said it; `""` for none. */
  readonly value: (keyword: string) => string
  readonly hosts: ReadonlyArray<Host>
  readonly loadBalance: boolean
  /** `startupParameters` as options of the server's process. */
  readonly switches: string
  /** For each address; `undefined` for no limit. */
  readonly timeout: Duration.Duration | undefined
}

export const settings = (
  options: ConnectOptions,
  environment: Pick<ConnectEnvironment<never>, "parse" | "settings">
): Result.Result<Settings, InvalidOption> =>
  Result.gen(function* () {
    const said = yield* keywords(options, environment.parse)
    const added = ask(said, environment)
    const knows = (keyword: string): boolean => Object.hasOwn(added, keyword)
    for (const [keyword, { option }] of said) {
      if (keyword !== "load_balance_hosts" && !knows(keyword)) {
        return yield* invalid(option, `the libpq that is installed has no keyword ${JSON.stringify(keyword)}`)
      }
    }
    const read = (keyword: string): Said =>
      said.get(keyword) ?? {
        option: `${keyword} (of the service file or the environment)`,
        value: added[keyword] ?? ""
      }

    const balance = read("load_balance_hosts")
    if (!["", "disable", "random"].includes(balance.value)) {
      return yield* invalid(balance.option, `${JSON.stringify(balance.value)} is neither "disable" nor "random"`)
    }
    return {
      said,
      knows,
      value: (keyword) => read(keyword).value,
      hosts: yield* hosts({ host: read("host"), hostaddr: read("hostaddr"), port: read("port") }),
      loadBalance: balance.value === "random",
      switches: yield* startupParameters(options),
      timeout: yield* options.connectTimeout === undefined
        ? seconds(read("connect_timeout"))
        : Result.map(duration("connectTimeout", options.connectTimeout), limit)
    }
  })

const notAsked: ReadonlySet<string> = new Set([
  // Read by us alone, and unknown to libpq before 16, which would then say nothing of the others.
  "load_balance_hosts",
  "sslmode",
  "password",
  "sslpassword",
  "oauth_client_secret",
  "scram_client_key",
  "scram_server_key"
])

const ask = (
  said: Keywords,
  environment: Pick<ConnectEnvironment<never>, "settings">
): Readonly<Record<string, string | undefined>> => {
  const asked = [...said].filter(([keyword]) => !notAsked.has(keyword))
  // libpq refuses the mode, after it has read everything and before it opens anything. With a password it does not
  // look for one in the password file.
  const keywords = [...asked.map(([keyword]) => keyword), "password", "sslmode"]
  return environment.settings(keywords, [...asked.map(([, { value }]) => value), "not needed", "only asking"])
}

/** Seconds as libpq counts them. */
const seconds = ({ option, value }: Said): Result.Result<Duration.Duration | undefined, InvalidOption> => {
  if (value === "") return Result.succeed(Duration.seconds(130))
  if (!/^\s*[+-]?\d{1,10}\s*$/.test(value)) return invalid(option, `${JSON.stringify(value)} is no number of seconds`)
  const given = Number(value)
  return Result.succeed(limit(Duration.seconds(given === 1 ? 2 : given)))
}

const limit = (given: Duration.Duration): Duration.Duration | undefined =>
  Duration.isFinite(given) && Duration.toMillis(given) > 0 ? given : undefined
