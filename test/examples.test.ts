import { globSync } from "node:fs"
import { expect, it } from "vitest"
import { root, runSource } from "./support/run.ts"

const minute = 60_000
const examples = globSync("examples/*.ts", { cwd: root }).filter((file) => !file.endsWith(".test.ts"))

it("there is a main example", () => expect(examples).toContain("examples/main.ts"))

it.concurrent.each(examples)(
  "%s runs as it stands, and ends",
  async (file) => {
    const { code, stderr } = await runSource(file, minute)
    expect({ code, stderr: code === 0 ? "" : stderr }).toEqual({ code: 0, stderr: "" })
  },
  2 * minute
)
