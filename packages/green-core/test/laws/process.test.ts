/** The laws that are about a whole process, on the event loop. */
import { assert, describe, it } from "@effect/vitest"
import { run } from "../hazards/run.ts"

const source = new URL("process.ts", import.meta.url)

const output = async (program: string) => {
  const { stdout, ...ended } = await run(source, { args: [program], input: "three" })
  assert.deepStrictEqual(ended, { code: 0, signal: null, stderr: "" }, stdout)
  return stdout.trim().split("\n")
}

describe("event loop, the process", () => {
  it("2. a waiter wakes with no other timer or activity in the process, and the bytes are still unread", async () => {
    assert.deepStrictEqual(await output("wakes"), ["waiting", "readable true, 5 bytes unread"])
  })

  it("12. the process stays up while someone waits", async () => {
    assert.deepStrictEqual(await output("stays"), ["woken"])
  })

  it("12. the process ends by itself when nobody waits any more: woken, interrupted, or told of a close", async () => {
    assert.deepStrictEqual(await output("ends"), ["interrupted", "closing", "woken"])
  })

  it("13. 200 waiters, and one whose descriptor was closed behind it, cost no CPU", async () => {
    const [line = ""] = await output("idles")
    assert.match(line, /µs of CPU in a millisecond$/)
    assert.isBelow(Number.parseInt(line, 10), 50, line)
  })
})
