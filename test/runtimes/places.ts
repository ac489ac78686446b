/** The places where the packages are tried, and how a program is started there. */
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import * as Installed from "./installed.ts"

export const placeNames = [
  "Node",
  "Node, worker thread",
  "Bun",
  "Bun, worker thread",
  "Deno",
  "Deno, worker thread"
] as const

export type PlaceName = (typeof placeNames)[number]

export interface Place {
  readonly name: PlaceName
  readonly version: string
  /** The command that runs a program of the workspace from its sources. */
  readonly command: (file: URL, ...args: ReadonlyArray<string>) => ReadonlyArray<string>
  readonly env: Readonly<Record<string, string>>
}

const sources = "--conditions=green-source"

// Most of what a process costs is compiling what the one before it has compiled.
const env = { NODE_COMPILE_CACHE: fileURLToPath(new URL("../../.cache/compiled", import.meta.url)) }

const starter = fileURLToPath(new URL("worker.ts", import.meta.url))

/** The main thread of this Node. */
export const node: Place = {
  name: "Node",
  version: process.versions.node,
  command: (file, ...args) => [process.execPath, sources, fileURLToPath(file), ...args],
  env
}

/** A worker thread of it. */
export const nodeWorker: Place = {
  name: "Node, worker thread",
  version: process.versions.node,
  command: (file, ...args) => [process.execPath, sources, starter, fileURLToPath(file), ...args],
  env
}

const flags: Readonly<Record<Installed.Fetched, ReadonlyArray<string>>> = {
  Bun: [sources],
  // It would write a lock of its own into the workspace.
  Deno: ["run", "--allow-all", "--no-lock", sources]
}

/** The main thread of a runtime that has been fetched. */
export const fetched = (
  name: Installed.Fetched,
  installed: { readonly program: string; readonly version: string }
): Place => ({
  name,
  version: installed.version,
  command: (file, ...args) => [installed.program, ...flags[name], fileURLToPath(file), ...args],
  env: { DENO_DIR: join(Installed.folder, "deno"), DENO_NO_UPDATE_CHECK: "1" }
})

/** A worker thread of it. */
export const fetchedWorker = (
  name: Installed.Fetched,
  installed: { readonly program: string; readonly version: string }
): Place => ({
  ...fetched(name, installed),
  name: `${name}, worker thread`,
  command: (file, ...args) => [installed.program, ...flags[name], starter, fileURLToPath(file), ...args]
})
