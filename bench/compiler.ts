/**
 * The C programs that are measured against.
 */
import { execFileSync } from "node:child_process"
import { mkdirSync, renameSync } from "node:fs"
import { basename } from "node:path"
import { fileURLToPath } from "node:url"

const compiler = process.env["CC"] ?? "cc"

/** The compiler and its version, or that there is none. */
export const describe = (): string => {
  try {
    return execFileSync(compiler, ["--version"], { encoding: "utf8" }).split("\n", 1)[0] ?? compiler
  } catch {
    return `no ${compiler}`
  }
}

/** The program made of a C file, or `undefined` where there is no compiler. */
export const compile = (source: URL): string | undefined => {
  const folder = fileURLToPath(new URL("../.cache/bench", import.meta.url))
  const program = `${folder}/${basename(source.pathname, ".c")}`
  mkdirSync(folder, { recursive: true })
  // Renamed when it is complete: another run may be executing the one that is there.
  const made = `${program}.${process.pid}`
  try {
    execFileSync(compiler, ["-O2", "-o", made, fileURLToPath(source)])
    renameSync(made, program)
  } catch (failure) {
    if (failure instanceof Error && "code" in failure && failure.code === "ENOENT") return undefined
    throw failure
  }
  return program
}
