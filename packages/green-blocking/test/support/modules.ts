/** Modules of jobs that a test writes, for what no file of ours may look like. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { green } from "green-blocking"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { pathToFileURL } from "node:url"

/** A function of a module that takes a shared array, and whatever its text makes of it. */
export const jobOf = (url: URL, name: "job" | "other" = "job") => green(load, url, name)

const load = () => Promise.resolve({ job: declared, other: declared })

const declared = (_words?: Int32Array): unknown => undefined

export interface Folder {
  /** Writes a module, and gives its URL. */
  readonly write: (name: string, text: string) => URL
}

/** A folder for modules, removed at the end of the scope. */
export const folder: Effect.Effect<Folder, never, Scope.Scope> = Effect.map(
  Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "green-blocking-"))),
    (path) => Effect.sync(() => rmSync(path, { recursive: true }))
  ),
  (path) => ({
    write: (name, text) => {
      const file = join(path, name)
      writeFileSync(file, text)
      return pathToFileURL(file)
    }
  })
)
