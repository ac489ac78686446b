/**
 * The programs in documents: every `ts` block of the guides, the READMEs and the doc comments of sources.
 *
 * - A block is a whole module, with its imports. It is type-checked, then run; it must end with exit code 0.
 * - `ts no-run`: it is type-checked only.
 * - `ts job.ts`: a file of that name, which the other blocks of the document can import; by itself it is not run.
 * - `text output` or `console output`, directly below: what the program prints, to the letter.
 */
import { parseSync } from "oxc-parser"
import { globSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { hasDecorators, lower } from "./decorators.ts"
import { type Ended, root, run, runSource } from "./run.ts"

export interface Block {
  /** The document, from the root of the workspace. */
  readonly file: string
  /** The line of the opening fence. */
  readonly line: number
  /** The name of its file, if other blocks import it. */
  readonly name: string | undefined
  readonly code: string
  readonly run: boolean
  readonly output: string | undefined
}

// Finding

const languages = ["ts", "mts", "typescript"]

/** The blocks of a Markdown text that begins at `firstLine` of a file. */
export const blocksOf = (file: string, text: string, firstLine = 1): ReadonlyArray<Block> => {
  const blocks: Array<Block> = []
  const lines = text.split(/\r?\n/)
  let above: Block | undefined
  for (let i = 0; i < lines.length; i++) {
    const opening = /^(\s*)(`{3,}|~{3,})\s*(\S*)\s*(.*)$/.exec(lines[i] ?? "")
    if (!opening) {
      if (lines[i]?.trim()) above = undefined
      continue
    }
    const [, indent = "", fence = "", language = "", rest = ""] = opening
    const words = rest.split(/\s+/).filter(Boolean)
    const line = firstLine + i
    const content: Array<string> = []
    while (++i < lines.length && !lines[i]?.trim().startsWith(fence)) {
      const each = lines[i] ?? ""
      content.push(each.startsWith(indent) ? each.slice(indent.length) : each.trimStart())
    }
    const code = content.join("\n")
    const wrong = (message: string) => new Error(`${file}:${line}: ${message}`)

    if (languages.includes(language)) {
      const name = words.find((word) => word.endsWith(".ts"))
      const unknown = words.find((word) => word !== "no-run" && word !== name)
      if (unknown !== undefined) throw wrong(`a ts block knows the word no-run and the name of a file, not ${unknown}`)
      above = { file, line, name, code, run: name === undefined && !words.includes("no-run"), output: undefined }
      blocks.push(above)
    } else if (words.includes("output")) {
      if (above === undefined || !above.run) throw wrong("this output stands below no ts block that is run")
      blocks[blocks.length - 1] = { ...above, output: code }
      above = undefined
    } else {
      above = undefined
    }
  }
  return blocks
}

/** The blocks in the doc comments of a source. */
export const blocksOfSource = (file: string, text: string): ReadonlyArray<Block> =>
  parseSync(file, text)
    .comments.filter((comment) => comment.type === "Block" && comment.value.startsWith("*"))
    .flatMap(({ start, value }) => {
      const prose = value.slice(1).replaceAll(/^[ \t]*\* ?/gm, "")
      return blocksOf(file, prose, text.slice(0, start).split("\n").length)
    })

const find = (pattern: string) => globSync(pattern, { cwd: root }).toSorted()
const read = (file: string) => readFileSync(join(root, file), "utf8")

export const documents = ["README.md", "docs/**/*.md", "packages/*/README.md"].flatMap(find)

export const allBlocks = (): ReadonlyArray<Block> => [
  ...documents.flatMap((file) => blocksOf(file, read(file))),
  ...find("packages/*/src/**/*.ts").flatMap((file) => blocksOfSource(file, read(file)))
]

// Running

const path = (folder: string, { file, line, name = `${line}.ts` }: Block) => join(folder, file, name)

/** Writes each block to a file of its own, its lines numbered as in its document. */
export const writeBlocks = (folder: string, blocks: ReadonlyArray<Block>): void => {
  const written = new Set<string>()
  for (const block of blocks) {
    const file = path(folder, block)
    if (written.has(file)) throw new Error(`${block.file}:${block.line}: there is a ${block.name} already`)
    written.add(file)
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, "\n".repeat(block.line) + block.code + "\n")
  }
}

/** Type-checks what was written, all at once; gives what is wrong with a block. */
export const checkBlocks = async (folder: string): Promise<(block: Block) => ReadonlyArray<string>> => {
  const config = {
    extends: join(root, "tsconfig.base.json"),
    include: ["**/*.ts"],
    compilerOptions: {
      composite: false,
      incremental: true,
      declarationMap: false,
      noEmit: true,
      rootDir: root,
      tsBuildInfoFile: join(folder, "tsconfig.tsbuildinfo"),
      rewriteRelativeImportExtensions: false,
      allowImportingTsExtensions: true,
      noUnusedLocals: false,
      noUnusedParameters: false,
      plugins: []
    }
  }
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(config))
  const project = join(folder, "tsconfig.json")
  const { code, stdout, stderr } = await run(process.execPath, ["scripts/tsc.mjs", "-p", project, "--pretty", "false"])
  const errors = stdout.split(/\n(?! )/).filter((line) => line.includes(": error TS"))
  if (code !== 0 && errors.length === 0) throw new Error(`the compiler ended with ${code}\n${stdout}${stderr}`)
  return (block) => errors.filter((error) => join(root, error).startsWith(`${path(folder, block)}(`))
}

export const runBlock = async (folder: string, block: Block, timeout?: number): Promise<Ended> => {
  const file = path(folder, block)
  // Never found again where it lies, and so compiled for the blocks of this folder alone: it goes with them.
  const environment = { NODE_COMPILE_CACHE: join(folder, "compiled") }
  if (!hasDecorators(block.code)) return runSource(file, timeout, environment)
  const lowered = file.replace(/\.ts$/, ".js")
  writeFileSync(lowered, (await lower(readFileSync(file, "utf8"), file)).code)
  return runSource(lowered, timeout, environment)
}
