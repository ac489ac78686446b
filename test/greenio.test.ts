import { assert, describe, it } from "@effect/vitest"
import * as Fs from "node:fs"
import * as Path from "node:path"

const page = Path.join(import.meta.dirname, "../docs/greenio.md")

const references = [...Fs.readFileSync(page, "utf8").matchAll(/\[([^\]]+)\]\((\.\.\/[^)]+)\)/g)].map(
  ([, name = "", path = ""]) => ({ name, file: Path.join(Path.dirname(page), path) })
)

describe("docs/greenio.md", () => {
  it("names tests", () => assert.isAbove(references.length, 40))

  it.each(references)("$name", ({ file, name }) => {
    assert.include(Fs.readFileSync(file, "utf8"), name)
  })
})
