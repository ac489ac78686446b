import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { isMainThread, Worker } from "node:worker_threads"
import { afterAll, describe, expect, it } from "vitest"
import { root, run, runSource, temporary } from "./support/run.ts"

const folder = temporary("toolchain")
afterAll(() => rmSync(folder, { recursive: true }))

const json = (path: string) => JSON.parse(readFileSync(join(root, path), "utf8"))
const packages = readdirSync(join(root, "packages"))

describe("the type check", () => {
  let projects = 0
  const check = (source: string) => {
    const project = join(folder, `project${projects++}`)
    mkdirSync(join(project, "src"), { recursive: true })
    writeFileSync(join(project, "tsconfig.json"), JSON.stringify({ extends: join(root, "tsconfig.base.json") }))
    writeFileSync(join(project, "src/index.ts"), source)
    return run(process.execPath, ["scripts/tsc.mjs", "-b", project])
  }

  it("passes an Effect that is returned", async () => {
    const { code, stdout } = await check(
      `import * as Effect from "effect/Effect"\nexport const one = () => Effect.succeed(1)\n`
    )
    expect(stdout).toBe("")
    expect(code).toBe(0)
  })

  it.each([
    ["an Effect that is dropped", `import * as Effect from "effect/Effect"\nEffect.succeed(1)\n`, "floatingEffect"],
    ["an index that may be absent", `export const f = (a: Array<string>) => a[0].length\n`, "TS2532"],
    ["an enum", `export enum E { A }\n`, "TS1294"],
    ["a name that is not used", `const a = 1\nexport {}\n`, "TS6133"]
  ])("fails %s", async (_name, source, error) => {
    const { code, stdout } = await check(source)
    expect(stdout).toContain(error)
    expect(code).not.toBe(0)
  })
})

describe("a test", () => {
  it("runs in a main thread", () => expect(isMainThread).toBe(true))

  it("may use standard decorators", () => {
    const logged =
      <A extends ReadonlyArray<unknown>, B>(method: (...args: A) => B, context: ClassMethodDecoratorContext) =>
      (...args: A) => [context.name, method(...args)]
    class Subject {
      @logged
      twice(n: number): unknown {
        return n * 2
      }
    }
    expect(new Subject().twice(2)).toEqual(["twice", 4])
  })

  it("gets one instance of a package's sources, by name and by path", async () => {
    expect(await import("green-task")).toBe(await import("../packages/green-task/src/index.ts"))
  })

  const source = `
    import { writeSync } from "node:fs"
    const found: string = import.meta.resolve("green-core")
    writeSync(1, found)
  `

  it("may run TypeScript sources in a child process", async () => {
    writeFileSync(join(folder, "child.ts"), source)
    const { stdout, stderr } = await runSource(join(folder, "child.ts"))
    expect(stderr).toBe("")
    expect(stdout).toMatch(/green-core\/src\/index\.ts$/)
  })

  it("may run TypeScript sources in a worker thread", async () => {
    const text = `
      import { parentPort } from "node:worker_threads"
      const found: string = import.meta.resolve("green-core")
      parentPort?.postMessage(found)
    `
    writeFileSync(join(folder, "worker.ts"), text)
    const worker = new Worker(join(folder, "worker.ts"))
    const found = await new Promise((resolve, reject) => worker.on("message", resolve).on("error", reject))
    expect(found).toMatch(/green-core\/src\/index\.ts$/)
  })
})

describe("the lock", () => {
  const lock: Record<string, { optionalDependencies?: Record<string, string>; resolved?: string; link?: boolean }> =
    json("package-lock.json").packages

  it("has every optional dependency, so that npm ci takes it on every platform (npm run lock)", () => {
    const missing = Object.entries(lock).flatMap(([path, entry]) =>
      Object.keys(entry.optionalDependencies ?? {}).filter(
        (name) => !(`${path}/node_modules/${name}` in lock) && !(`node_modules/${name}` in lock)
      )
    )
    expect(missing).toEqual([])
  })

  it("names no registry", () => {
    const resolved = Object.values(lock).filter((entry) => entry.resolved !== undefined && entry.link !== true)
    expect(resolved).toEqual([])
  })
})

describe("versions", () => {
  it.each(["package.json", ...packages.map((name) => `packages/${name}/package.json`)])("%s pins them", (path) => {
    const { dependencies, devDependencies, optionalDependencies } = json(path)
    const versions: Record<string, string> = { ...dependencies, ...devDependencies, ...optionalDependencies }
    for (const [name, version] of Object.entries(versions))
      expect([name, version]).toEqual([name, expect.stringMatching(/^\d+\.\d+\.\d+(-[\w.]+)?$/)])
  })
})

describe.each(packages)("%s", (name) => {
  const manifest = json(`packages/${name}/package.json`)

  it("is type-checked, after the packages it needs", () => {
    const path = `packages/${name}`
    const references = (file: string): ReadonlyArray<string> =>
      (json(file).references ?? []).map((reference: { path: string }) => reference.path)
    expect(references("tsconfig.json")).toContain(path)
    expect(references("tsconfig.test.json")).toContain(path)
    const needs = Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies })
    expect(references(`${path}/tsconfig.json`).toSorted()).toEqual(
      needs
        .filter((other) => packages.includes(other))
        .map((other) => `../${other}`)
        .toSorted()
    )
  })

  it("is published as the others are", () => {
    const common = json("packages/green-core/package.json")
    expect(manifest.name).toBe(name)
    for (const key of ["version", "license", "type", "sideEffects", "engines", "files"]) {
      expect([key, manifest[key]]).toEqual([key, common[key]])
    }
    expect(manifest.exports["./internal/*"]).toBe(null)
    expect(manifest.peerDependencies.effect).toBe(common.peerDependencies.effect)
    expect(readFileSync(join(root, "packages", name, "LICENSE"), "utf8")).toBe(
      readFileSync(join(root, "LICENSE"), "utf8")
    )
  })
})
