import { describe, expect, it } from "vitest"
import {
  barrel,
  cycles,
  handlers,
  operations,
  parse,
  readWorkspace,
  rules,
  schema,
  siblings,
  unstable
} from "./support/imports.ts"

const workspace = (
  sources: Readonly<Record<string, string>>,
  dependencies: Readonly<Record<string, ReadonlyArray<string>>> = {}
) => {
  const modules = Object.entries(sources).map(([path, text]) => parse(`packages/${path}`, text))
  const named = modules.map((module) => [module.package, dependencies[module.package] ?? []] as const)
  return {
    modules: new Map(modules.map((module) => [module.path, module])),
    dependencies: new Map([["green-core", []], ...named])
  }
}

describe("the reader of imports", () => {
  it("sees every form of import, with its line", () => {
    const text = [
      `import * as A from "a"`,
      `import type { B, C as D } from "b"`,
      `import c from "c"`,
      `import "d"`,
      `export * from "e"`,
      `export { F as G } from "f"`,
      `export type H = import("h").H`,
      `export const i = () => import("i")`,
      `// import "comment"`,
      `export const j = 'import "string"'`
    ].join("\n")
    expect(parse("packages/x/src/a.ts", text).imports.toSorted((a, b) => a.line - b.line)).toEqual([
      { specifier: "a", names: "all", type: false, line: 1 },
      { specifier: "b", names: ["B", "C"], type: true, line: 2 },
      { specifier: "c", names: ["default"], type: false, line: 3 },
      { specifier: "d", names: [], type: false, line: 4 },
      { specifier: "e", names: "all", type: false, line: 5 },
      { specifier: "f", names: ["F"], type: false, line: 6 },
      { specifier: "h", names: "all", type: true, line: 7 },
      { specifier: "i", names: "all", type: false, line: 8 }
    ])
  })
})

describe("a package imports no sibling but green-core", () => {
  it("by name, by path, or in package.json", () => {
    const wrong = workspace(
      {
        "green-pool/src/index.ts": `import { greenTask } from "green-task"`,
        "green-task/src/index.ts": `import { x } from "../../green-pool/src/x.ts"`,
        "green-core/src/Wait.ts": `import type { GreenPool } from "green-pool"`
      },
      { "green-pool": ["effect", "green-core", "green-task"] }
    )
    expect(siblings(wrong)).toEqual([
      expect.stringContaining(`packages/green-pool/src/index.ts:1 imports "green-task"`),
      expect.stringContaining(`packages/green-task/src/index.ts:1 imports "../../green-pool/src/x.ts"`),
      expect.stringContaining(`packages/green-core/src/Wait.ts:1 imports "green-pool"`),
      "packages/green-pool/package.json depends on its sibling green-task"
    ])
  })
  it("and says nothing of green-core, of its own files, or of other people's packages", () => {
    const right = workspace(
      { "green-pool/src/index.ts": `import "./a.ts"\nimport "undici"\nimport { wait } from "green-core"` },
      { "green-pool": ["green-core"] }
    )
    expect(siblings(right)).toEqual([])
  })
})

describe("a package imports no handler of green-core's", () => {
  const index = {
    "green-core/src/testing/index.ts": ``,
    "green-core/src/index.ts": `export { layer, Green } from "./Green.ts"\nexport { epoll } from "./eventLoop/Epoll.ts"\nexport * from "./Wait.ts"`
  }
  const wrong = (text: string) => handlers(workspace({ ...index, "green-pool/src/index.ts": text }))
  it.each([
    `import * as Green from "green-core/Green"`,
    `import { epoll } from "green-core/eventLoop/Epoll"`,
    `import type { VirtualFds } from "green-core/testing"`,
    `import { Green } from "green-core"`,
    `import { wait, epoll } from "green-core"`,
    `import * as core from "green-core"`,
    `export * from "green-core"`,
    `export const core = import("green-core")`
  ])("%s", (text) => expect(wrong(text)).toHaveLength(1))
  it("but operations, by any path", () => {
    expect(wrong(`import { wait, WaitFd } from "green-core"\nimport * as Fd from "green-core/Fd"`)).toEqual([])
  })
})

describe("effect is imported by subpath", () => {
  it("not as the barrel", () => {
    const text = `import { Effect } from "effect"\nimport type { Scope } from "effect"\nimport * as Fiber from "effect/Fiber"`
    expect(barrel(workspace({ "green-pool/src/index.ts": text }))).toHaveLength(2)
  })
})

describe("green-core does not load effect/Schema", () => {
  const wrong = (text: string) => schema(workspace({ "green-core/src/Wait.ts": text }))
  it("directly", () => expect(wrong(`import * as Schema from "effect/Schema"`)).toHaveLength(1))
  it("or through another module of Effect's", () => {
    expect(wrong(`import * as RequestResolver from "effect/RequestResolver"`)).toEqual([
      expect.stringMatching(/loads effect\/Schema \(RequestResolver\.js → .*Schema\.js\)/)
    ])
  })
  it("which most of Effect does not", () => {
    expect(wrong(`import * as Effect from "effect/Effect"\nimport * as Stream from "effect/Stream"`)).toEqual([])
  })
  it("while other packages may", () => {
    expect(schema(workspace({ "green-blocking/src/a.ts": `import * as Schema from "effect/Schema"` }))).toEqual([])
  })
})

describe("imports form no cycle", () => {
  it("of two, of three, or through the name of the package", () => {
    const wrong = workspace({
      "green-core/src/A.ts": `import { b } from "./B.ts"`,
      "green-core/src/B.ts": `import { c } from "./internal/c.ts"`,
      "green-core/src/internal/c.ts": `import { a } from "../A.ts"`,
      "green-pool/src/index.ts": `import { d } from "./D.ts"`,
      "green-pool/src/D.ts": `import { d } from "green-pool"`
    })
    expect(cycles(wrong)).toEqual([
      "packages/green-core/src/A.ts → packages/green-core/src/B.ts → packages/green-core/src/internal/c.ts → packages/green-core/src/A.ts",
      "packages/green-pool/src/index.ts → packages/green-pool/src/D.ts → packages/green-pool/src/index.ts"
    ])
  })
  it("while a diamond is none, and a type is gone at run time", () => {
    const right = workspace({
      "green-core/src/A.ts": `import "./B.ts"\nimport "./C.ts"`,
      "green-core/src/B.ts": `import "./D.ts"`,
      "green-core/src/C.ts": `import "./D.ts"`,
      "green-core/src/D.ts": `import type { A } from "./A.ts"\nexport type { C } from "./C.ts"`
    })
    expect(cycles(right)).toEqual([])
  })
})

describe("inside green-core, operations know no handler, and handlers not each other", () => {
  it.each([
    ["Wait.ts", "./eventLoop/Epoll.ts"],
    ["WaitFd.ts", "./virtual/VirtualFds.ts"],
    ["GreenLock.ts", "./Green.ts"],
    ["Greenlet.ts", "./index.ts"],
    ["internal/ring.ts", "../blocking/Loop.ts"],
    ["eventLoop/Epoll.ts", "../blocking/Loop.ts"],
    ["blocking/Loop.ts", "../Green.ts"],
    ["virtual/VirtualFds.ts", "../testing/laws.ts"],
    ["testing/laws.ts", "../eventLoop/Epoll.ts"]
  ])("%s does not import %s", (file, specifier) => {
    expect(operations(workspace({ [`green-core/src/${file}`]: `import type { x } from "${specifier}"` }))).toHaveLength(
      1
    )
  })
  it("while handlers know operations, Green knows all, and testing publishes virtual", () => {
    const right = workspace({
      "green-core/src/Green.ts": `import "./eventLoop/Epoll.ts"\nimport "./blocking/Loop.ts"`,
      "green-core/src/index.ts": `export * as Green from "./Green.ts"`,
      "green-core/src/eventLoop/Epoll.ts": `import "../WaitFd.ts"\nimport "./timer.ts"\nimport "../internal/ring.ts"`,
      "green-core/src/testing/index.ts": `export * from "../virtual/VirtualFds.ts"`,
      "green-core/src/Wait.ts": `import "./Handler.ts"`
    })
    expect(operations(right)).toEqual([])
  })
})

describe("what Effect marks unstable has one importer per package", () => {
  it("as a folder or as a module", () => {
    const wrong = workspace({
      "green-http/src/A.ts": `import * as HttpClient from "effect/http/HttpClient"`,
      "green-http/src/B.ts": `import type { Cookies } from "effect/http"`,
      "green-pg/src/A.ts": `import * as Path from "effect/Path"`,
      "green-pg/src/B.ts": `import * as Path from "effect/Path"`
    })
    expect(unstable(wrong)).toEqual([
      expect.stringMatching(/^green-http imports effect\/http, .*A\.ts, .*B\.ts$/),
      expect.stringMatching(/^green-pg imports effect\/Path, /)
    ])
  })
  it("while one file may import several, and stable modules are free", () => {
    const right = workspace({
      "green-http/src/A.ts": `import "effect/http/HttpClient"\nimport "effect/http/Cookies"\nimport "effect/Effect"`,
      "green-http/src/B.ts": `import "effect/Effect"`,
      "green-pg/src/A.ts": `import "effect/http/HttpClient"`
    })
    expect(unstable(right)).toEqual([])
  })
})

describe("this workspace", () => {
  const here = readWorkspace(new URL("..", import.meta.url).pathname)
  it("has sources to look at", () => expect(here.modules.size).toBeGreaterThan(0))
  it.each(Object.entries(rules))("keeps the rule of %s", (_name, rule) => expect(rule(here)).toEqual([]))
})
