/**
 * What is measured is what is built: the packages as they are published, and the programs of `programs/` without types.
 * A thread that has to strip types first would cost more than what it runs.
 */
import * as Esbuild from "esbuild"
import { execFileSync } from "node:child_process"
import { globSync } from "node:fs"
import { fileURLToPath } from "node:url"

const root = fileURLToPath(new URL("../..", import.meta.url))
const folder = new URL("../../.cache/bench/blocking/", import.meta.url)

/** Builds all of it: where a program lies by its name. */
export const build = (): ((program: string) => URL) => {
  execFileSync(process.execPath, ["scripts/tsc.mjs", "-b", "packages/green-blocking"], { cwd: root, stdio: "inherit" })
  // Packages stay outside: each thread loads them as it would those of a user.
  Esbuild.buildSync({
    entryPoints: globSync("bench/blocking/programs/*.ts", { cwd: root }),
    outdir: fileURLToPath(folder),
    absWorkingDir: root,
    outExtension: { ".js": ".mjs" },
    bundle: true,
    packages: "external",
    platform: "node",
    format: "esm",
    target: "es2024",
    logLevel: "warning"
  })
  return (program) => new URL(`${program}.mjs`, folder)
}
