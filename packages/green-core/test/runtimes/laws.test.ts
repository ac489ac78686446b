/** The laws, where a thread watches the descriptors, as on Bun and Deno: here in a process of Node's that is told to be one. */
import { assert, describe, it } from "@effect/vitest"
import { run } from "../hazards/run.ts"
import type { Told } from "./laws.ts"

describe("event loop, watched by a thread", () => {
  it("has the laws of the event loop, and the process ends by itself", async () => {
    const { stdout, ...ended } = await run(new URL("laws.ts", import.meta.url), { args: ["--like-bun"] })
    assert.deepStrictEqual(ended, { code: 0, signal: null, stderr: "" })
    const told = stdout
      .trim()
      .split("\n")
      .map((line): Told => JSON.parse(line))
    assert.isAbove(told.filter(({ result }) => result === "holds").length, 60)
    assert.deepStrictEqual(
      told.filter(({ result }) => result === "broken"),
      []
    )
  })
})
