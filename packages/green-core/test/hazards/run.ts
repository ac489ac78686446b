/** Runs a program in a process of its own, and tells how it ended. */
import { spawn } from "node:child_process"
import { fileURLToPath } from "node:url"

export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

export interface RunOptions {
  readonly args?: ReadonlyArray<string>
  /** What is written to its standard input, when it first says something. */
  readonly input?: string
  /** How many descriptors it may have. */
  readonly descriptors?: number
  /** Is loaded before it, and in its worker threads. */
  readonly preload?: URL
}

/** It is killed after a minute, which `signal` then tells. */
export const run = (source: URL, options: RunOptions = {}): Promise<Ended> =>
  new Promise((resolve, reject) => {
    const preload = options.preload === undefined ? [] : [`--import=${options.preload.href}`]
    const node = [process.execPath, "--conditions=green-source", "--expose-gc", ...preload, fileURLToPath(source)]
    const limited =
      options.descriptors === undefined
        ? node
        : ["sh", "-c", `ulimit -n ${options.descriptors}; exec "$@"`, "sh", ...node]
    const [command = "", ...args] = [...limited, ...(options.args ?? [])]
    const child = spawn(command, args, { timeout: 60_000, killSignal: "SIGKILL" })
    const texts = { stdout: "", stderr: "" }
    for (const name of ["stdout", "stderr"] as const) {
      child[name].setEncoding("utf8").on("data", (text: string) => {
        if (name === "stdout" && texts.stdout === "") child.stdin.end(options.input)
        texts[name] += text
      })
    }
    // A program that has ended by then reads none of it.
    child.stdin.on("error", () => {})
    child.on("error", reject)
    child.on("close", (code, signal) => resolve({ code, signal, ...texts }))
  })
