/** A job that takes all the memory that its thread may have: tried in a process of its own, which it may take down. */
import { assert, describe, it } from "@effect/vitest"
import { spawnSync } from "node:child_process"
import { fileURLToPath } from "node:url"

const program = fileURLToPath(new URL("../fixtures/hazards/memory.ts", import.meta.url))

describe("a job that takes memory until there is no more", () => {
  for (const kind of ["objects", "arrays"]) {
    it(`fails OutOfMemory, or is ended as any other, and nothing else is touched: ${kind}`, () => {
      const { stdout } = spawnSync(process.execPath, ["--conditions=green-source", program, kind], {
        encoding: "utf8",
        timeout: 60_000,
        killSignal: "SIGKILL"
      })
      const { ended, ...rest } = JSON.parse(stdout)
      assert.include(["OutOfMemory", "it goes on"], ended)
      assert.deepStrictEqual(rest, { sum: 3, running: 0 })
    }, 90_000)
  }
})
