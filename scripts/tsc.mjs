// TypeScript's compiler with Effect's diagnostics in it: an Effect that is dropped is an error. Takes the arguments of tsc.
//
// @effect/tsgo brings such a compiler for each version of TypeScript. It is run where it lies: `effect-tsgo patch` would
// put it in the place of tsc in node_modules, and the package's own getExePath does not know its files in 0.45.0.

import { spawnSync } from "node:child_process"
import { readFileSync } from "node:fs"
import { createRequire } from "node:module"
import { dirname, join } from "node:path"

const require = createRequire(import.meta.url)
const { version } = JSON.parse(readFileSync(require.resolve("typescript/package.json"), "utf8"))
const platform = `@effect/tsgo-${process.platform}-${process.arch}/package.json`
const folder = dirname(createRequire(require.resolve("@effect/tsgo/package.json")).resolve(platform))
const compiler = join(folder, "artifacts/typescript", version, process.platform === "win32" ? "tsc.exe" : "tsc")

const { status, error } = spawnSync(compiler, process.argv.slice(2), { stdio: "inherit" })
if (error) throw error
process.exitCode = status ?? 1
