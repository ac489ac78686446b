/**
 * Where the figures were taken.
 */
import { readFileSync } from "node:fs"
import { findPackageJSON } from "node:module"
import * as Os from "node:os"
import * as Compiler from "./compiler.ts"

const installed = (name: string): string => {
  const file = findPackageJSON(name, import.meta.url)
  if (file === undefined) return `no ${name}`
  const { version }: { readonly version: string } = JSON.parse(readFileSync(file, "utf8"))
  return `${name} ${version}`
}

/** The versions, the machine, and how loaded it is at this moment. */
export const describe = (): string =>
  [
    `node ${process.versions.node} (V8 ${process.versions.v8}, libuv ${process.versions.uv})`,
    `${installed("effect")}, ${installed("koffi")}, ${Compiler.describe()}`,
    `${Os.type()} ${Os.release()} ${Os.arch()}, ${Os.cpus().length} x ${Os.cpus()[0]?.model ?? "unknown"}`,
    `load average ${Os.loadavg()
      .map((load) => load.toFixed(2))
      .join(" ")}, ${new Date().toISOString()}`
  ].join("\n")
