/** No misuse of a descriptor ends the process, nor makes it spin: each is tried in a process of its own. */
import { assert, describe, it } from "@effect/vitest"
import { hazards } from "./hazards.ts"
import { run } from "./run.ts"

describe("hazards", () => {
  for (const { name, says, program: _, ...limits } of hazards) {
    it(name, async () => {
      const { stdout, ...ended } = await run(new URL("child.ts", import.meta.url), {
        args: [name],
        input: "input\n",
        ...limits
      })
      assert.deepStrictEqual(ended, { code: 0, signal: null, stderr: "" }, stdout)
      assert.deepStrictEqual(JSON.parse(stdout.trim().split("\n").at(-1) ?? ""), says)
    })
  }
})
