// Completes package-lock.json: `npm run lock`.
//
// npm writes into the lock only those platform binaries (@oxlint/binding-darwin-arm64 and the like) that it could fetch
// while resolving; `npm ci` then refuses the lock ("Missing: … from lock file") when a registry lacks one of them or
// gains it later. Every optional dependency that has no entry gets one here, by its exact version, with the platform
// its name spells, so that `npm ci` skips it everywhere else. Runs on any node that runs npm, without packages.

import { readFileSync, writeFileSync } from "node:fs"

const OS = {
  aix: "aix",
  android: "android",
  darwin: "darwin",
  freebsd: "freebsd",
  linux: "linux",
  netbsd: "netbsd",
  openbsd: "openbsd",
  openharmony: "openharmony",
  sunos: "sunos",
  win32: "win32",
  windows: "win32"
}
const CPU = ["arm", "arm64", "ia32", "loong64", "mips64el", "ppc64", "riscv64", "s390x", "wasm32", "x64"]
const LIBC = { gnu: "glibc", gnueabihf: "glibc", musl: "musl", musleabihf: "musl" }

const file = new URL("../package-lock.json", import.meta.url)
const lock = JSON.parse(readFileSync(file, "utf8"))
const added = []

for (const [path, entry] of Object.entries({ ...lock.packages })) {
  for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
    if (lock.packages[`${path}/node_modules/${name}`] || lock.packages[`node_modules/${name}`]) continue
    lock.packages[`node_modules/${name}`] = platformEntry(name, version, entry.dev === true)
    added.push(`${name}@${version}`)
  }
}

lock.packages = Object.fromEntries(Object.entries(lock.packages).sort(([a], [b]) => (a < b ? -1 : 1)))
writeFileSync(file, JSON.stringify(lock, null, 2) + "\n")
console.log(added.length === 0 ? "the lock was complete" : `added to the lock:\n  ${added.join("\n  ")}`)

function platformEntry(name, version, dev) {
  if (!/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version)) {
    throw new Error(
      `${name}@${version}: not an exact version, so the lock cannot be completed by name; lock it by hand`
    )
  }
  const words = name.slice(name.lastIndexOf("/") + 1).split(/[-.]/)
  const os = words.map((word) => OS[word]).find(Boolean)
  const cpu = words.find((word) => CPU.includes(word))
  const libc = words.map((word) => LIBC[word]).find(Boolean)
  if (cpu === undefined && os === undefined) {
    throw new Error(`${name}@${version}: its name spells no platform, and without an entry npm ci refuses the lock`)
  }
  return {
    version,
    ...(cpu && { cpu: [cpu] }),
    ...(dev && { dev }),
    ...(libc && { libc: [libc] }),
    optional: true,
    ...(os && { os: [os] })
  }
}
