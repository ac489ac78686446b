/**
 * Who may import whom: packages name operations, applications name handlers.
 *
 * A rule is a function from the sources of a workspace to the sentences that say what is wrong with them.
 * `imports.test.ts` shows each rule a workspace that breaks it, then runs all of them over this one.
 */
import { type TSImportType, parseSync } from "oxc-parser"
import { existsSync, globSync, readdirSync, readFileSync, statSync } from "node:fs"
import { createRequire } from "node:module"
import { dirname, join, posix } from "node:path"
import { fileURLToPath } from "node:url"

export interface Import {
  readonly specifier: string
  /** The exported names it takes, or `"all"` when it takes the module as a whole. */
  readonly names: ReadonlyArray<string> | "all"
  /** Gone at run time. */
  readonly type: boolean
  readonly line: number
}

export interface Module {
  /** From the root of the workspace: `packages/green-core/src/Wait.ts`. */
  readonly path: string
  readonly package: string
  readonly imports: ReadonlyArray<Import>
}

export interface Workspace {
  readonly modules: ReadonlyMap<string, Module>
  /** Names of what each package needs at run time, from its package.json. */
  readonly dependencies: ReadonlyMap<string, ReadonlyArray<string>>
}

export type Rule = (workspace: Workspace) => ReadonlyArray<string>

// Reading

/** Every way to import: statements, re-exports, `import()` and `import("…").Type`. */
export const parse = (path: string, text: string): Module => {
  const { errors, module, program } = parseSync(path, text)
  if (errors.length > 0) throw new Error(`${path}: ${errors[0]?.message}`)
  const imports: Array<Import> = []
  const add = (specifier: string, names: Import["names"], type: boolean, offset: number) =>
    imports.push({ specifier, names, type, line: text.slice(0, offset).split("\n").length })

  for (const statement of module.staticImports) {
    const names = statement.entries.map((entry) =>
      entry.importName.kind === "NamespaceObject" ? "*" : (entry.importName.name ?? "default")
    )
    const type = names.length > 0 && statement.entries.every((entry) => entry.isType)
    add(statement.moduleRequest.value, names.includes("*") ? "all" : names, type, statement.start)
  }
  for (const statement of module.staticExports) {
    for (const entry of statement.entries) {
      if (!entry.moduleRequest) continue
      add(
        entry.moduleRequest.value,
        entry.importName.kind === "Name" && entry.importName.name !== null ? [entry.importName.name] : "all",
        entry.isType,
        statement.start
      )
    }
  }
  for (const { moduleRequest } of module.dynamicImports) {
    const literal = /^(["'`])([^$]*)\1$/s.exec(text.slice(moduleRequest.start, moduleRequest.end))
    if (literal?.[2] !== undefined) add(literal[2], "all", false, moduleRequest.start)
  }
  for (const { specifier, offset } of typeImports(program)) add(specifier, "all", true, offset)

  return { path, package: packageOf(path) ?? "", imports }
}

const packageOf = (path: string): string | undefined => /^packages\/([^/]+)\//.exec(path)?.[1]

function* typeImports(node: unknown): Generator<{ readonly specifier: string; readonly offset: number }> {
  if (typeof node !== "object" || node === null) return
  if ("type" in node && node.type === "TSImportType") {
    const { source, start } = node as TSImportType
    yield { specifier: source.value, offset: start }
  }
  for (const child of Object.values(node)) yield* typeImports(child)
}

/** The sources under `packages/` of a directory. */
export const readWorkspace = (root: string): Workspace => {
  const modules = globSync("packages/*/src/**/*.ts", { cwd: root })
    .map((path) => path.replaceAll("\\", "/"))
    .map((path) => parse(path, readFileSync(join(root, path), "utf8")))
  const dependencies = readdirSync(join(root, "packages")).map((name) => {
    const manifest = JSON.parse(readFileSync(join(root, "packages", name, "package.json"), "utf8"))
    return [name, Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies })] as const
  })
  return { modules: new Map(modules.map((module) => [module.path, module])), dependencies: new Map(dependencies) }
}

/** The path of the workspace's source that an import means, or `undefined` for what comes from outside. */
const resolve = (workspace: Workspace, from: string, specifier: string): string | undefined => {
  if (specifier.startsWith(".")) return posix.join(posix.dirname(from), specifier)
  const [name = "", ...rest] = specifier.split("/")
  if (!workspace.dependencies.has(name)) return undefined
  const file = `packages/${name}/src/${rest.length === 0 ? "index" : rest.join("/")}`
  return workspace.modules.has(`${file}/index.ts`) ? `${file}/index.ts` : `${file}.ts`
}

const at = (module: Module, { line, specifier }: Import) => `${module.path}:${line} imports "${specifier}"`

function* importsOf(workspace: Workspace, inside: (module: Module) => boolean = () => true) {
  for (const module of workspace.modules.values()) {
    if (!inside(module)) continue
    for (const each of module.imports) {
      yield { module, each, target: resolve(workspace, module.path, each.specifier), said: at(module, each) }
    }
  }
}

// The rules

const core = "packages/green-core/src"

/** A package imports no package of the workspace but green-core, and green-core imports none. */
export const siblings: Rule = (workspace) => {
  const wrong = [...importsOf(workspace)]
    .filter(({ module, target }) => target !== undefined && !target.startsWith(`packages/${module.package}/src/`))
    .filter(({ target, each }) => each.specifier.startsWith(".") || packageOf(target ?? "") !== "green-core")
    .map(({ said }) => `${said}: of the workspace's packages, only green-core is imported, by its name`)
  for (const [name, needed] of workspace.dependencies) {
    const sibling = needed.filter((other) => workspace.dependencies.has(other) && other !== "green-core")
    wrong.push(...sibling.map((other) => `packages/${name}/package.json depends on its sibling ${other}`))
  }
  return wrong
}

const handlerFolders = ["eventLoop", "blocking", "virtual", "testing"]

/** The folder of green-core that holds a handler, or `"Green"` for the module that assembles them. */
const handlerOf = (path: string): string | undefined => {
  if (path === `${core}/Green.ts`) return "Green"
  return handlerFolders.find((folder) => path.startsWith(`${core}/${folder}/`))
}

/** What green-core's index re-exports of its handlers. */
const handlerNames = (workspace: Workspace): ReadonlySet<string> => {
  const names = new Set(["Green"])
  const index = workspace.modules.get(`${core}/index.ts`)
  for (const { names: taken, specifier } of index?.imports ?? []) {
    if (taken === "all" || handlerOf(posix.join(core, specifier)) === undefined) continue
    for (const name of taken) names.add(name)
  }
  return names
}

/** No other package imports a handler of green-core's: applications choose it. */
export const handlers: Rule = (workspace) => {
  const names = handlerNames(workspace)
  return [...importsOf(workspace, (module) => module.package !== "green-core")].flatMap(({ target, each, said }) => {
    if (target === undefined) return []
    if (handlerOf(target) !== undefined) return [`${said}: a handler, which the application chooses`]
    if (target !== `${core}/index.ts`) return []
    if (each.names === "all") return [`${said} as a whole, handlers included: import the names you need`]
    return each.names.filter((name) => names.has(name)).map((name) => `${said}: ${name} is a handler`)
  })
}

/** `effect` is imported by subpath; the barrel costs 200 ms at start. */
export const barrel: Rule = (workspace) =>
  [...importsOf(workspace)]
    .filter(({ each }) => each.specifier === "effect")
    .map(({ said }) => `${said}: import the subpath, such as "effect/Effect"`)

/** Nothing that green-core imports of `effect`, directly or through effect's own modules, loads `effect/Schema`. */
export const schema: Rule = (workspace) =>
  [...importsOf(workspace, (module) => module.package === "green-core")]
    .filter(({ each }) => each.specifier.startsWith("effect/"))
    .flatMap(({ each, said }) => {
      const chain = effectChain(each.specifier, /^(Schema\.js|schema\/.*)$/)
      return chain === undefined ? [] : [`${said}, which loads effect/Schema (${chain.join(" → ")})`]
    })

/** Imports among sources form no cycle. Imports of types are not counted: they are gone when modules load. */
export const cycles: Rule = (workspace) => {
  const next = new Map<string, ReadonlyArray<string>>()
  for (const module of workspace.modules.values()) {
    const loaded = module.imports.filter((each) => !each.type)
    const targets = loaded.map((each) => resolve(workspace, module.path, each.specifier))
    next.set(
      module.path,
      targets.filter((target) => target !== undefined)
    )
  }
  const found: Array<string> = []
  const done = new Set<string>()
  const visit = (path: string, above: ReadonlyArray<string>): void => {
    if (above.includes(path)) {
      found.push([...above.slice(above.indexOf(path)), path].join(" → "))
      return
    }
    if (done.has(path)) return
    for (const target of next.get(path) ?? []) visit(target, [...above, path])
    done.add(path)
  }
  for (const path of next.keys()) visit(path, [])
  return found
}

/**
 * Inside green-core, operations know no handler, and handlers do not know each other. Everything outside the handlers'
 * folders, `Green` and the index is an operation here. `testing/` may import `virtual/`, which it publishes.
 */
export const operations: Rule = (workspace) =>
  [...importsOf(workspace, (module) => module.path.startsWith(core))].flatMap(({ module, target, said }) => {
    const index = `${core}/index.ts`
    const from = handlerOf(module.path)
    const to = target === undefined ? undefined : target === index ? "index" : handlerOf(target)
    if (to === undefined || to === from || module.path === index || from === "Green") return []
    if (from === "testing" && to === "virtual") return []
    return [from === undefined ? `${said}: an operation knows no handler` : `${said}: ${from}/ knows no other handler`]
  })

/** What Effect marks unstable is imported by one file of a package, so that an upgrade has one place to go. */
export const unstable: Rule = (workspace) => {
  const users = new Map<string, Set<string>>()
  for (const { module, each } of importsOf(workspace)) {
    const unit = /^effect\/([^/]+)/.exec(each.specifier)?.[1]
    if (unit === undefined || !isUnstable(unit)) continue
    const key = `${module.package} imports effect/${unit}`
    users.set(key, (users.get(key) ?? new Set()).add(module.path))
  }
  return [...users]
    .filter(([, files]) => files.size > 1)
    .map(([key, files]) => `${key}, which is unstable, in more than one file: ${[...files].join(", ")}`)
}

export const rules: Readonly<Record<string, Rule>> = {
  siblings,
  handlers,
  barrel,
  schema,
  cycles,
  operations,
  unstable
}

// What Effect's package says of itself

const effectRoot = dirname(createRequire(import.meta.url).resolve("effect/package.json"))

/** Whether a module, or a folder of modules, of `effect` has `@stability` tags but not one that says `stable`. */
const isUnstable = (unit: string): boolean => {
  const source = join(effectRoot, "src", unit)
  const files = existsSync(`${source}.ts`)
    ? [`${source}.ts`]
    : existsSync(source) && statSync(source).isDirectory()
      ? globSync("**/*.ts", { cwd: source }).map((file) => join(source, file))
      : []
  const tags = new Set(
    files.flatMap((file) => [...readFileSync(file, "utf8").matchAll(/@stability (\w+)/g)].map((match) => match[1]))
  )
  return tags.size > 0 && !tags.has("stable")
}

/** The shortest chain of effect's built modules from an import to one whose path matches, if there is one. */
const effectChain = (specifier: string, wanted: RegExp): ReadonlyArray<string> | undefined => {
  const start = fileURLToPath(import.meta.resolve(specifier)).slice(join(effectRoot, "dist/").length)
  const before = new Map<string, string | undefined>([[start, undefined]])
  for (const file of before.keys()) {
    if (wanted.test(file)) {
      const chain: Array<string> = []
      for (let each: string | undefined = file; each !== undefined; each = before.get(each)) chain.unshift(each)
      return chain
    }
    for (const target of effectImports(file)) if (!before.has(target)) before.set(target, file)
  }
  return undefined
}

const read = new Map<string, ReadonlyArray<string>>()
const effectImports = (file: string): ReadonlyArray<string> => {
  const known = read.get(file)
  if (known) return known
  const found = parse(file, readFileSync(join(effectRoot, "dist", file), "utf8"))
    .imports.map((each) => each.specifier)
    .filter((specifier) => specifier.startsWith("."))
    .map((specifier) => posix.join(posix.dirname(file), specifier))
  read.set(file, found)
  return found
}
