/** A program of the fixtures, in a process of its own. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { type ChildProcess, spawn } from "node:child_process"
import { fileURLToPath } from "node:url"

export interface Running {
  readonly child: ChildProcess
  /** The first line that it says, as JSON; or, when it ends without one, what it said of its failure. */
  readonly said: Effect.Effect<unknown, string>
  /** How it ended, with what it said of its failure. */
  readonly ended: Effect.Effect<{
    readonly code: number | null
    readonly signal: string | null
    readonly stderr: string
  }>
}

/** Killed at the end of the scope, if it is still there. */
export const run = (
  fixture: string,
  args: ReadonlyArray<string>,
  environment: NodeJS.ProcessEnv = {}
): Effect.Effect<Running, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const file = fileURLToPath(new URL(`../fixtures/${fixture}`, import.meta.url))
      const child = spawn(process.execPath, ["--conditions=green-source", file, ...args], {
        env: { ...process.env, ...environment },
        stdio: ["ignore", "pipe", "pipe"]
      })
      let [stdout, stderr] = ["", ""]
      child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text))
      const line = Promise.withResolvers<unknown>()
      line.promise.catch(() => {})
      child.stdout.setEncoding("utf8").on("data", (text: string) => {
        stdout += text
        if (stdout.includes("\n")) line.resolve(JSON.parse(stdout.split("\n")[0] ?? ""))
      })
      const ended = new Promise<{ code: number | null; signal: string | null; stderr: string }>((resolve) => {
        child.once("close", (code, signal) => {
          line.reject(new Error(stderr))
          resolve({ code, signal, stderr })
        })
      })
      return {
        child,
        said: Effect.tryPromise({ try: () => line.promise, catch: String }),
        ended: Effect.promise(() => ended)
      }
    }),
    ({ child, ended }) => {
      child.kill("SIGKILL")
      return ended
    }
  )
