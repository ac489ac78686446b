/**
 * The files of a server: a data directory as initdb makes it, and the configuration that we write into it.
 *
 * initdb runs once for a version and a user. What it has made is copied, in a tenth of the time.
 */
import * as Effect from "effect/Effect"
import { createHash } from "node:crypto"
import * as Fs from "node:fs/promises"
import * as Path from "node:path"
import { PostgresServerError } from "../../testing/PostgresServerError.ts"
import { attempt, handOver, run } from "./process.ts"
import { shared } from "./shared.ts"

/** The superuser of every server, and what authenticates him where he is asked. */
export const superuser = { user: "postgres", password: "postgres" } as const

/** A locale of PostgreSQL's own, so that tests sort alike everywhere. One file of the log in place of many megabytes. */
const flags = [
  `--username=${superuser.user}`,
  "--auth=trust",
  "--encoding=UTF8",
  "--locale=C",
  "--locale-provider=builtin",
  "--builtin-locale=C.UTF-8",
  "--wal-segsize=1",
  "--set=max_wal_size=2MB",
  "--set=min_wal_size=2MB",
  "--no-sync",
  "--no-instructions"
]

const template = (version: string, installation: string) => {
  const key = createHash("sha256").update(JSON.stringify(flags)).digest("hex").slice(0, 8)
  return shared(`cluster-${version}-${key}`, (into) =>
    Effect.gen(function* () {
      const [data, password] = [Path.join(into, "data"), Path.join(into, "password")]
      yield* attempt(`making ${data}`, async () => {
        await Fs.mkdir(data, { mode: 0o700 })
        await handOver(data)
        await Fs.writeFile(password, superuser.password, { mode: 0o600 })
        await handOver(password)
      })
      yield* run(Path.join(installation, "bin/initdb"), [...flags, `--pgdata=${data}`, `--pwfile=${password}`], into)
    })
  )
}

/** Makes a data directory for the server's account, at a path where nothing is. */
export const initialise = Effect.fnUntraced(function* (version: string, installation: string, data: string) {
  const made = yield* template(version, installation)
  yield* run("cp", ["-R", "-p", Path.join(made, "data"), data], Path.dirname(data))
})

/** How a server is configured. */
export interface Configuration {
  readonly authentication: "trust" | "scram-sha-256"
  readonly settings: Readonly<Record<string, string>>
  readonly hba: ReadonlyArray<string>
}

/** What the server itself decides, on its command line. */
const decided = ["port", "listen_addresses", "unix_socket_directories", "data_directory", "config_file", "hba_file"]

/** Fails if a line of it could not be what it says. */
export const validate = Effect.fnUntraced(function* (configuration: Configuration) {
  for (const [name, value] of Object.entries(configuration.settings)) {
    const problem = wrongSetting(name, value)
    if (problem !== undefined) {
      return yield* new PostgresServerError({
        reason: { _tag: "InvalidOption", option: `settings.${name}`, value, problem }
      })
    }
  }
  for (const line of configuration.hba) {
    if (/[\0\r\n]/.test(line)) {
      return yield* new PostgresServerError({
        reason: { _tag: "InvalidOption", option: "hba", value: line, problem: "one line each" }
      })
    }
  }
})

/** Writes postgresql.conf and pg_hba.conf. */
export const configure = Effect.fnUntraced(function* (data: string, configuration: Configuration) {
  // What a test does is not kept, so nothing waits for the disk. Shared memory in the data directory goes with it.
  const settings = {
    fsync: "off",
    full_page_writes: "off",
    dynamic_shared_memory_type: "mmap",
    timezone: "UTC",
    log_timezone: "UTC",
    ...configuration.settings
  }
  const lines = Object.entries(settings).map(([name, value]) => `${name} = ${quoted(value)}`)
  const method = configuration.authentication
  const hba = [
    ...configuration.hba,
    `local all,replication all ${method}`,
    `host all,replication all 127.0.0.1/32 ${method}`
  ]
  yield* attempt(`configuring ${data}`, async () => {
    await write(Path.join(data, "postgresql.conf"), lines)
    await write(Path.join(data, "pg_hba.conf"), hba)
  })
})

const wrongSetting = (name: string, value: string): string | undefined => {
  if (!/^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*$/.test(name)) return "not the name of a setting"
  if (decided.includes(name.toLowerCase())) return "the server decides it itself"
  if (value.includes("\0")) return "a setting cannot hold a NUL"
  return undefined
}

const quoted = (value: string): string =>
  `'${value.replaceAll("\\", "\\\\").replaceAll("'", "''").replaceAll("\n", "\\n").replaceAll("\r", "\\r")}'`

/** The file exists and is the account's; it is written in place. */
const write = (path: string, lines: ReadonlyArray<string>): Promise<void> => Fs.writeFile(path, `${lines.join("\n")}\n`)
