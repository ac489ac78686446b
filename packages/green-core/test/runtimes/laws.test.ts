/** The laws in places that are not this one: here in a process of Node's that is told to be there. */
import { assert, describe, it } from "@effect/vitest"
import { run, type RunOptions } from "../hazards/run.ts"
import type { Told } from "./laws.ts"

/** The process ends by itself, and no law is broken. */
const hold = async (options: RunOptions): Promise<void> => {
  const { stdout, ...ended } = await run(new URL("laws.ts", import.meta.url), options)
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
}

describe("event loop", () => {
  it("has its laws where a thread watches, as on Bun and Deno", () =>
    hold({ preload: new URL("../fixtures/likeBun.ts", import.meta.url) }))

  it("has its laws on macOS, as far as its kqueue is emulated", () =>
    hold({ preload: new URL("../fixtures/likeDarwin.ts", import.meta.url) }))
})
