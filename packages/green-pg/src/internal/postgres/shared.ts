/**
 * Directories that are made once and then used by all processes of a user: below the system's temporary directory, where
 * the server's account can read them wherever the packages are installed.
 */
import * as Effect from "effect/Effect"
import * as Fs from "node:fs/promises"
import { tmpdir } from "node:os"
import * as Path from "node:path"
import { PostgresServerError } from "../../testing/PostgresServerError.ts"
import { attempt } from "./process.ts"

/**
 * The directory `name`, made by `build` unless it is there. Two processes may build at the same time: the first that is
 * ready wins. What has lost entries since, as old files below a temporary directory do, is made anew.
 *
 * `build` is given an empty directory that nobody else knows, for a part of its result or all.
 */
export const shared = <E>(
  name: string,
  build: (directory: string) => Effect.Effect<void, E>
): Effect.Effect<string, E | PostgresServerError> =>
  Effect.gen(function* () {
    const parent = yield* ours
    const directory = Path.join(parent, name)
    if (yield* attempt(`reading ${directory}`, () => isWhole(directory))) return Path.join(directory, "content")
    yield* Effect.acquireUseRelease(
      attempt(`making a directory in ${parent}`, () => Fs.mkdtemp(Path.join(parent, "partial-"))),
      (partial) =>
        Effect.gen(function* () {
          const content = Path.join(partial, "content")
          yield* attempt(`making ${content}`, async () => {
            await open(partial)
            await Fs.mkdir(content)
            await open(content)
          })
          yield* build(content)
          yield* attempt(`making ${directory}`, async () => {
            await Fs.writeFile(Path.join(partial, "entries"), String((await entries(content)).length))
            await publish(partial, directory)
          })
        }),
      (partial) => Effect.promise(() => Fs.rm(partial, { recursive: true, force: true }))
    )
    return Path.join(directory, "content")
  })

/** Others may look, whatever the umask. */
const open = (directory: string): Promise<void> => Fs.chmod(directory, 0o755)

const entries = (directory: string): Promise<ReadonlyArray<string>> => Fs.readdir(directory, { recursive: true })

const isWhole = async (directory: string): Promise<boolean> => {
  try {
    const expected = await Fs.readFile(Path.join(directory, "entries"), "utf8")
    return (await entries(Path.join(directory, "content"))).length === Number(expected)
  } catch (cause) {
    if (cause instanceof Error && "code" in cause && cause.code === "ENOENT") return false
    throw cause
  }
}

/** Puts the directory in its place, unless another process was faster; one that is not whole makes way. */
const publish = async (partial: string, directory: string): Promise<void> => {
  for (;;) {
    try {
      return await Fs.rename(partial, directory)
    } catch (cause) {
      if (!(cause instanceof Error && "code" in cause && (cause.code === "ENOTEMPTY" || cause.code === "EEXIST"))) {
        throw cause
      }
      if (await isWhole(directory)) return
      await Fs.rename(directory, `${partial}-replaced`).catch(() => {})
      await Fs.rm(`${partial}-replaced`, { recursive: true, force: true })
    }
  }
}

/**
 * The directory of all that we share. Anybody may write to the temporary directory, and what we execute must not be
 * somebody else's: it has to be our own, and writable for us alone.
 */
const ours: Effect.Effect<string, PostgresServerError> = Effect.gen(function* () {
  const user = process.getuid?.()
  const directory = Path.join(tmpdir(), `green-pg-${user}`)
  const found = yield* attempt(`making ${directory}`, async () => {
    await Fs.mkdir(directory, { mode: 0o755 }).catch((cause: unknown) => {
      if (!(cause instanceof Error && "code" in cause && cause.code === "EEXIST")) throw cause
    })
    return Fs.lstat(directory)
  })
  if (!found.isDirectory() || found.uid !== user || (found.mode & 0o022) !== 0) {
    return yield* new PostgresServerError({
      reason: {
        _tag: "System",
        problem: "using the directory for servers",
        cause: `${directory} is not a directory of user ${user} alone; remove it`
      }
    })
  }
  if ((found.mode & 0o055) !== 0o055) yield* attempt(`opening ${directory}`, () => open(directory))
  return directory
})
