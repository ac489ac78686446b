/**
 * A check of what `green` was given: that its two ways to a module lead to the same one.
 *
 * @since 0.1.0
 */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import { type Description, descriptionOf } from "../internal/described.ts"
import { fileOf } from "../internal/here/fileOf.ts"

/**
 * Why it was not found that `load` and `url` are the same module.
 *
 * - `Different`: they are two. `loaded` and `imported` say what was found of each: the file of the function, or what is
 *   exported.
 * - `NotLoaded`: one of them, `which`, cannot be loaded.
 * - `NotExported`: one of them, `which`, does not export the function.
 * - `NotGreen`: what was to be checked was not made by `green`.
 *
 * @category errors
 * @since 0.1.0
 */
export type NotSameModuleReason =
  | { readonly _tag: "Different"; readonly loaded: string; readonly imported: string }
  | { readonly _tag: "NotLoaded"; readonly which: "load" | "url"; readonly cause: unknown }
  | { readonly _tag: "NotExported"; readonly which: "load" | "url" }
  | { readonly _tag: "NotGreen" }

/**
 * The failure of `sameModule`: `load` is the text of the function that `green` was given.
 *
 * @category errors
 * @since 0.1.0
 */
export class NotSameModule extends Data.TaggedError("NotSameModule")<{
  readonly job: string
  readonly load: string
  readonly url: string
  readonly reason: NotSameModuleReason
}> {
  override get message(): string {
    return `${this.job}: ${describe(this.reason, this.load, this.url)}`
  }

  override get cause(): unknown {
    return this.reason._tag === "NotLoaded" ? this.reason.cause : undefined
  }
}

const describe = (reason: NotSameModuleReason, load: string, url: string): string => {
  switch (reason._tag) {
    case "Different":
      return (
        `its types are of one module and the worker would load another one; let load, ${load}, and url, ${url}, name ` +
        `the same file (load: ${reason.loaded}; url: ${reason.imported})`
      )
    case "NotLoaded":
      return `${reason.which === "load" ? load : url} cannot be loaded: ${String(reason.cause)}`
    case "NotExported":
      return `${reason.which === "load" ? load : url} does not export it`
    case "NotGreen":
      return "it was not made by green; give the function that green has returned"
  }
}

/**
 * Checks that the two modules that `green` was given are one: `load`, from which the types are, and `url`, which the
 * workers load. A test for each function of `green` is enough to be sure.
 *
 * Both are loaded in this thread. They are the same if the function is the same object, or is written in the same file;
 * and where neither can be said, as in bundles, if they export the same names, with functions of the same text. Fails
 * with a `NotSameModule`, which names both.
 *
 * @example
 * ```ts no-run
 * import { it } from "@effect/vitest"
 * import { green } from "green-blocking"
 * import { sameModule } from "green-blocking/testing"
 *
 * declare const load: () => Promise<{ readonly render: (keys: ReadonlyArray<string>) => string }>
 * const render = green(load, new URL("./job.ts", import.meta.url), "render")
 *
 * it.effect("render is one module", () => sameModule(render))
 * ```
 *
 * @category testing
 * @since 0.1.0
 */
export const sameModule = (job: (...args: never) => unknown): Effect.Effect<void, NotSameModule> =>
  Effect.gen(function* () {
    const description = descriptionOf(job)
    if (description === undefined) {
      const name = job.name === "" ? "the function" : job.name
      return yield* new NotSameModule({ job: name, load: "", url: "", reason: { _tag: "NotGreen" } })
    }
    const { load, url } = description
    const loaded = yield* moduleBy(description, "load", load)
    const imported = yield* moduleBy(description, "url", () => import(url))
    const reason = difference(loaded, imported)
    if (reason !== undefined) return yield* failure(description, reason)
  })

const failure = ({ load, name, url }: Description, reason: NotSameModuleReason): NotSameModule =>
  new NotSameModule({ job: name, load: String(load).replaceAll(/\s+/g, " "), url, reason })

/** A module, and the function that it exports. */
interface Found {
  readonly module: object
  readonly f: object
}

const moduleBy = (
  description: Description,
  which: "load" | "url",
  load: () => Promise<unknown>
): Effect.Effect<Found, NotSameModule> =>
  Effect.flatMap(
    Effect.tryPromise({ try: load, catch: (cause) => failure(description, { _tag: "NotLoaded", which, cause }) }),
    (module) => {
      const f: unknown = isObject(module) ? Reflect.get(module, description.name) : undefined
      return isObject(module) && typeof f === "function"
        ? Effect.succeed({ module, f })
        : Effect.fail(failure(description, { _tag: "NotExported", which }))
    }
  )

const difference = (loaded: Found, imported: Found): NotSameModuleReason | undefined => {
  if (loaded.f === imported.f) return undefined
  const [file, other] = [fileOf(loaded.f), fileOf(imported.f)]
  if (file !== undefined && file === other) return undefined
  const [text, otherText] = [textOf(loaded.module), textOf(imported.module)]
  if (text === otherText) return undefined
  return {
    _tag: "Different",
    loaded: file ?? `exports ${Object.keys(loaded.module).join(", ")}`,
    imported: other ?? `exports ${Object.keys(imported.module).join(", ")}`
  }
}

/** What it exports, and the texts of the functions, however they are spaced. */
const textOf = (module: object): string =>
  JSON.stringify(
    Object.entries(module)
      .toSorted(([one], [other]) => (one < other ? -1 : 1))
      .map(([name, value]) => [
        name,
        typeof value === "function" ? String(value).replaceAll(/[\s;]+/g, "") : typeof value
      ])
  )

const isObject = (x: unknown): x is object => typeof x === "object" && x !== null
