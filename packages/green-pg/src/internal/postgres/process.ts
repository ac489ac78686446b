/**
 * The programs of a server as processes: who they run as, and how they are run.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { type ChildProcess, spawn, type SpawnOptions } from "node:child_process"
import * as Fs from "node:fs/promises"
import { tmpdir } from "node:os"
import { PostgresServerError } from "../../testing/PostgresServerError.ts"

/**
 * Who the server runs as: us, or for root, as which PostgreSQL refuses to run, the user that owns nothing. The number
 * needs no line in /etc/passwd.
 */
const account: { readonly uid?: number; readonly gid?: number } =
  process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {}

/** What every program of the server is started with. In `directory`, since the account may not enter ours. */
export const surroundings = (directory: string): SpawnOptions => ({
  ...account,
  cwd: directory,
  // Not ours: PGDATA, PGPORT, LD_LIBRARY_PATH and the like would reach the server.
  env: { PATH: process.env["PATH"] ?? "/usr/bin:/bin", LC_ALL: "C", TZ: "UTC" },
  // An interrupt from the terminal is for us; what becomes of the server is for its scope.
  detached: true
})

/**
 * Does something with the operating system; `problem` says what did not succeed. Interruption aborts the signal and waits:
 * what is taken back after it must not be made again behind it.
 */
export const attempt = <A>(
  problem: string,
  run: (signal: AbortSignal) => Promise<A>
): Effect.Effect<A, PostgresServerError> =>
  Effect.callback((resume, signal) => {
    const settled = run(signal).then(
      (value) => resume(Effect.succeed(value)),
      (cause: unknown) => resume(Effect.fail(new PostgresServerError({ reason: { _tag: "System", problem, cause } })))
    )
    return Effect.promise(() => settled)
  })

/** Gives a file or directory to the server's account. */
export const handOver = async (path: string): Promise<void> => {
  if (account.uid !== undefined && account.gid !== undefined) await Fs.chown(path, account.uid, account.gid)
}

/** Runs a program to its end. Interruption kills it, with all that it has started. */
export const run = (
  program: string,
  args: ReadonlyArray<string>,
  directory: string
): Effect.Effect<void, PostgresServerError> =>
  Effect.callback((resume) => {
    let output = ""
    const child = spawn(program, args, { ...surroundings(directory), stdio: ["ignore", "pipe", "pipe"] })
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding("utf8").on("data", (text: string) => (output += text))
    }
    child.once("error", (cause) => resume(Effect.fail(notRun(program, cause))))
    child.once("close", (code, signal) =>
      resume(
        code === 0
          ? Effect.void
          : Effect.fail(
              new PostgresServerError({ reason: { _tag: "Exited", program, code, signal, output: tail(output) } })
            )
      )
    )
    return Effect.callback<void>((stopped) => {
      if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return stopped(Effect.void)
      child.once("close", () => stopped(Effect.void))
      kill(-child.pid, "SIGKILL")
    })
  })

/** A program that could not even be started. */
export const notRun = (program: string, cause: unknown): PostgresServerError => {
  const who = account.uid === undefined ? "" : ` as user ${account.uid}, who must be able to enter ${tmpdir()} (TMPDIR)`
  return new PostgresServerError({ reason: { _tag: "System", problem: `running ${program}${who}`, cause } })
}

/** The end of what a program said, short enough for an error. */
export const tail = (output: string): string => output.slice(-4_000)

/** Sends a signal. One that has ended meanwhile is left in peace. */
export const kill = (processId: number, signal: NodeJS.Signals): void => {
  try {
    process.kill(processId, signal)
  } catch (cause) {
    if (!(cause instanceof Error && "code" in cause && cause.code === "ESRCH")) throw cause
  }
}

/**
 * Waits for our end, which it sees as the end of its input, whatever ended us. Then a server that still runs is stopped
 * and its directory removed. A server that has not yet written down its number stops by itself, within a minute of the
 * loss of its directory.
 */
const guardian = `
read -r _
number="$1/data/postmaster.pid"
server=$(head -n 1 "$number" 2>/dev/null)
if [ -n "$server" ] && kill -QUIT "$server" 2>/dev/null; then
  tries=0
  while [ -e "$number" ] && [ $tries -lt 100 ]; do sleep 0.1; tries=$((tries + 1)); done
  [ -e "$number" ] && kill -KILL "$server" 2>/dev/null
fi
rm -rf "$1"
`

/** For as long as the scope, sees to it that the server in a directory does not outlive us. */
export const guard = (directory: string): Effect.Effect<void, PostgresServerError, Scope.Scope> =>
  Effect.asVoid(
    Effect.acquireRelease(
      Effect.callback<ChildProcess, PostgresServerError>((resume) => {
        const child = spawn("/bin/sh", ["-c", guardian, "sh", directory], {
          ...surroundings("/"),
          stdio: ["pipe", "ignore", "ignore"]
        })
        child.once("error", (cause) => resume(Effect.fail(notRun("/bin/sh", cause))))
        child.once("spawn", () => {
          // It may have been killed, and has then nothing to read with.
          child.stdin?.on("error", () => {})
          child.unref()
          resume(Effect.succeed(child))
        })
      }),
      (child) =>
        Effect.callback<void>((resume) => {
          if (child.exitCode !== null || child.signalCode !== null) return resume(Effect.void)
          child.ref()
          child.once("exit", () => resume(Effect.void))
          child.stdin?.end()
        })
    )
  )
