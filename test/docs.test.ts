import { rmSync } from "node:fs"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import {
  allBlocks,
  type Block,
  blocksOf,
  blocksOfSource,
  checkBlocks,
  documents,
  runBlock,
  writeBlocks
} from "./support/docs.ts"
import { temporary } from "./support/run.ts"

const minute = 60_000

describe("the blocks of a document", () => {
  it("are its ts blocks, with what they print", () => {
    const text = [
      "# A guide",
      "```ts",
      `console.log("one")`,
      "```",
      "",
      "```text output",
      "one",
      "```",
      "",
      "- in a list",
      "  ```ts no-run",
      "  listen()",
      "    .forever()",
      "  ```",
      "",
      "```text",
      "no output",
      "```",
      "````md",
      "```ts",
      "shown, not run",
      "```",
      "````"
    ].join("\n")
    expect(blocksOf("guide.md", text)).toEqual([
      { file: "guide.md", line: 2, name: undefined, code: `console.log("one")`, run: true, output: "one" },
      { file: "guide.md", line: 11, name: undefined, code: "listen()\n  .forever()", run: false, output: undefined }
    ])
  })

  it("may be files with a name", () => {
    const text = ["```ts job.ts", "export const one = 1", "```"].join("\n")
    expect(blocksOf("guide.md", text)).toEqual([
      { file: "guide.md", line: 1, name: "job.ts", code: "export const one = 1", run: false, output: undefined }
    ])
  })

  it("stand in doc comments too", () => {
    const text = [
      "export const a = 1",
      "/**",
      " * Two.",
      " *",
      " * @example",
      " * ```ts",
      " * if (a) {",
      " *   b()",
      " * }",
      " * ```",
      " */",
      "export const b = 2",
      "// ```ts",
      "// no doc comment",
      "// ```"
    ].join("\n")
    expect(blocksOfSource("a.ts", text)).toEqual([
      { file: "a.ts", line: 6, name: undefined, code: "if (a) {\n  b()\n}", run: true, output: undefined }
    ])
  })

  it("say what they are in words that are known", () => {
    expect(() => blocksOf("a.md", "```ts norun\n```")).toThrow(
      "a.md:1: a ts block knows the word no-run and the name of a file, not norun"
    )
    expect(() => blocksOf("a.md", "```text output\n```")).toThrow("a.md:1: this output stands below no ts block")
    expect(() => blocksOf("a.md", "```ts\n```\ntext\n```text output\n```")).toThrow("a.md:4: this output")
  })
})

describe("a block", () => {
  const folder = temporary("docs")
  const block = (line: number, code: string, name?: string): Block => ({
    file: "a.md",
    line,
    name,
    code,
    run: name === undefined,
    output: undefined
  })
  const good = block(2, `const a: string = "one"\nconsole.log(a)`)
  const mistyped = block(8, `console.log(1)\nconst a: string = 1\nexport {}`)
  const failing = block(20, `throw new Error("no")`)
  const endless = block(30, `setInterval(() => {}, 1000)`)
  const decorated = block(
    40,
    `const log = (f: () => void, _: ClassMethodDecoratorContext) => () => (console.log("@"), f())\nclass A {\n  @log\n  f() {}\n}\nnew A().f()`
  )
  const named = block(50, `export const one = 1`, "named.ts")
  const importing = block(60, `import { one } from "./named.ts"\nconsole.log(one)`)
  const misimporting = block(70, `import { two } from "./named.ts"\nconsole.log(two)`)
  writeBlocks(folder, [good, mistyped, failing, endless, decorated, named, importing, misimporting])
  afterAll(() => rmSync(folder, { recursive: true }))

  it(
    "is type-checked, its errors at the lines of the document",
    async () => {
      const errors = await checkBlocks(folder)
      expect(errors(good)).toEqual([])
      expect(errors(decorated)).toEqual([])
      expect(errors(importing)).toEqual([])
      expect(errors(misimporting)).toEqual([expect.stringMatching(/a\.md\/70\.ts\(71,10\): error TS2305/)])
      expect(errors(mistyped)).toEqual([expect.stringMatching(/a\.md\/8\.ts\(10,7\): error TS2322/)])
    },
    minute
  )

  it("is run", async () => {
    expect(await runBlock(folder, good)).toEqual({ code: 0, stdout: "one\n", stderr: "" })
    expect(await runBlock(folder, decorated)).toEqual({ code: 0, stdout: "@\n", stderr: "" })
  })

  it("may import one that has a name", async () => {
    expect(await runBlock(folder, importing)).toEqual({ code: 0, stdout: "1\n", stderr: "" })
    expect(() => writeBlocks(folder, [named, named])).toThrow("a.md:50: there is a named.ts already")
  })

  it("fails with what it throws, and when it does not end", async () => {
    const thrown = await runBlock(folder, failing)
    expect(thrown.code).toBe(1)
    expect(thrown.stderr).toMatch(/a\.md\/20\.ts:21/)
    expect((await runBlock(folder, endless, 500)).code).toBe(-1)
  })
})

describe("in this workspace", () => {
  const blocks = allBlocks()
  const folder = temporary("docs")
  let errors: Awaited<ReturnType<typeof checkBlocks>> = () => []
  beforeAll(async () => {
    writeBlocks(folder, blocks)
    if (blocks.length > 0) errors = await checkBlocks(folder)
  }, minute)
  afterAll(() => rmSync(folder, { recursive: true }))

  it("there is a README", () => expect(documents).toContain("README.md"))

  for (const block of blocks) {
    const name = `${block.file}:${block.line}`
    it(`${name} is well typed`, () => expect(errors(block)).toEqual([]))
    if (!block.run) continue
    it.concurrent(
      `${name} runs`,
      async ({ expect }) => {
        const { code, stdout, stderr } = await runBlock(folder, block, minute / 2)
        expect({ code, stderr: code === 0 ? "" : stderr }).toEqual({ code: 0, stderr: "" })
        if (block.output !== undefined) expect(stdout.trimEnd()).toBe(block.output.trimEnd())
      },
      minute
    )
  }
})
