/**
 * Bun and Deno, of pinned versions, from their npm packages: in a folder of their own, not among the dependencies. Nothing
 * is run at their installation.
 */
import { execFile } from "node:child_process"
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"

export type Fetched = "Bun" | "Deno"

interface Pinned {
  readonly version: string
  /** The package of each system that has one, and the program in it. */
  readonly packages: Readonly<Record<string, string>>
  readonly program: string
}

const pinned: Readonly<Record<Fetched, Pinned>> = {
  Bun: {
    version: "1.4.5",
    packages: { "linux x64": "@oven/bun-linux-x64", "linux arm64": "@oven/bun-linux-aarch64" },
    program: "bin/bun"
  },
  Deno: {
    version: "2.9.6",
    packages: { "linux x64": "@deno/linux-x64-glibc", "linux arm64": "@deno/linux-arm64-glibc" },
    program: "deno"
  }
}

/** Where they are. Deno keeps what it caches there, too. */
export const folder = fileURLToPath(new URL("../../.cache/runtimes/", import.meta.url))

const system = `${process.platform} ${process.arch}`

/** A runtime that is there, or why it is not. */
export type Installed =
  | { readonly program: string; readonly version: string }
  | { readonly missing: string; readonly version: string }

/** Looks for it, and fetches nothing. */
export const find = (name: Fetched): Installed => {
  const { packages, program, version } = pinned[name]
  const packageName = packages[system]
  if (packageName === undefined) return { missing: `no package of ${name} for ${system} is known here`, version }
  const directory = join(folder, "node_modules", packageName)
  return versionOf(directory) === version && existsSync(join(directory, program))
    ? { program: join(directory, program), version }
    : { missing: `${packageName} ${version} is not in .cache/runtimes: npm run test:runtimes fetches it`, version }
}

const versionOf = (directory: string): string | undefined => {
  try {
    const { version }: { readonly version: string } = JSON.parse(readFileSync(join(directory, "package.json"), "utf8"))
    return version
  } catch {
    return undefined
  }
}

/** Fetches it, unless it is there. */
export const fetch = async (name: Fetched): Promise<Installed> => {
  const found = find(name)
  const packageName = pinned[name].packages[system]
  if ("program" in found || packageName === undefined) return found
  mkdirSync(folder, { recursive: true })
  const manifest = join(folder, "package.json")
  if (!existsSync(manifest)) writeFileSync(manifest, `${JSON.stringify({ private: true })}\n`)
  const wanted = `${packageName}@${found.version}`
  try {
    await promisify(execFile)("npm", ["install", "--ignore-scripts", "--save-exact", wanted], {
      cwd: folder,
      timeout: 300_000
    })
  } catch (error) {
    return { missing: `npm cannot install ${wanted}: ${summary(error)}`, version: found.version }
  }
  return find(name)
}

const summary = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).split("\n", 2).join(": ")
