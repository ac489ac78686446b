/** Jobs leave nothing behind, however they end: tried in a process of its own, which ends by itself. */
import { assert, describe, it } from "@effect/vitest"
import { execFileSync } from "node:child_process"
import { fileURLToPath } from "node:url"

const program = fileURLToPath(new URL("../fixtures/hazards/manyJobs.ts", import.meta.url))

describe("a thousand jobs, of which some fail, are interrupted, are killed or end their thread", () => {
  it("leave no handle, descriptor, thread, timer or listener, nor memory; and a pool left open keeps no process", () => {
    const said = execFileSync(process.execPath, ["--conditions=green-source", "--expose-gc", program], {
      encoding: "utf8",
      timeout: 100_000
    })
    const [held = "", sum] = said.trim().split("\n")
    const { after, before } = JSON.parse(held)
    assert.deepStrictEqual({ ...after, heap: 0 }, { ...before, heap: 0 })
    // Five hundred more jobs, at a kilobyte each.
    assert.isBelow(after.heap - before.heap, 500_000)
    assert.strictEqual(sum, "3")
  }, 120_000)
})
