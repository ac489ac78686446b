/** Child processes of tests: the programs of this workspace, as a user runs them. */
import { execFile } from "node:child_process"
import { mkdirSync, mkdtempSync } from "node:fs"
import { fileURLToPath } from "node:url"

/** The workspace's folder, with a slash at its end. */
export const root = fileURLToPath(new URL("../..", import.meta.url))

/**
 * A new folder for generated sources. In the workspace, so that its node_modules are found, but not in node_modules,
 * where Node strips no types.
 */
export const temporary = (name: string): string => {
  mkdirSync(`${root}.cache`, { recursive: true })
  return mkdtempSync(`${root}.cache/${name}-`)
}

export interface Ended {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** Runs a program from the root of the workspace. It is killed after `timeout` milliseconds: `code` is then -1. */
export const run = (
  command: string,
  args: ReadonlyArray<string>,
  timeout = 60_000,
  environment: NodeJS.ProcessEnv = {}
): Promise<Ended> =>
  new Promise((resolve) => {
    const env = { ...process.env, FORCE_COLOR: "0", ...environment }
    execFile(command, args, { cwd: root, env, timeout, maxBuffer: 1 << 26 }, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : typeof error.code === "number" ? error.code : -1, stdout, stderr })
    )
  })

/** Runs a TypeScript source as it stands, against the sources of the packages. */
export const runSource = (file: string, timeout?: number, environment?: NodeJS.ProcessEnv): Promise<Ended> =>
  run(process.execPath, ["--conditions=green-source", file], timeout, environment)
