import { assert, describe, it } from "@effect/vitest"
import * as Fs from "node:fs"
import * as Path from "node:path"

const root = Path.join(import.meta.dirname, "..")

/** The pages that say which test holds what, and how many tests they name at least. */
const pages = {
  "docs/http.md": 10,
  "docs/greenio.md": 40,
  "packages/green-http/test/requests.md": 80,
  "packages/green-http/test/httpx.md": 60
}

for (const [page, least] of Object.entries(pages)) {
  const file = Path.join(root, page)
  const references = [...Fs.readFileSync(file, "utf8").matchAll(/\[([^\]]+)\]\((\.\.?\/[^)]+\.ts)\)/g)]
    .map(([, name = "", path = ""]) => ({ name, file: Path.join(Path.dirname(file), path) }))
    .filter(({ file }) => !file.includes(`${Path.sep}examples${Path.sep}`))

  describe(page, () => {
    it("names tests", () => assert.isAbove(references.length, least))

    it.each(references)("$name", ({ file, name }) => {
      assert.include(Fs.readFileSync(file, "utf8"), name)
    })
  })
}
