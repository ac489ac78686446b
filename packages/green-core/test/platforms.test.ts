import { assert, describe, it } from "@effect/vitest"
import { execFile } from "node:child_process"
import { join } from "node:path"
import { promisify } from "node:util"

const run = async (place: string, ...options: ReadonlyArray<string>): Promise<unknown> => {
  const { stdout } = await promisify(execFile)(process.execPath, [
    "--conditions=green-source",
    join(import.meta.dirname, "fixtures/platform.ts"),
    place,
    ...options
  ])
  return JSON.parse(stdout)
}

describe("places without descriptors", () => {
  it("on another system, every operation on descriptors fails Unsupported and names it, and wait goes on", async () => {
    const platform = `win32 ${process.arch}`
    const operations = {
      lease: platform,
      read: platform,
      write: platform,
      shutdown: platform,
      close: platform,
      isNonBlocking: platform,
      setNonBlocking: platform,
      makeSocketPair: platform
    }
    assert.deepStrictEqual(await run("another system", "--operations"), {
      wait: "goes on",
      waitFd: "Unsupported",
      bad: "BadDescriptor",
      makePipe: "Unsupported",
      runSync: "Unsupported",
      eventLoop: operations,
      blocked: operations
    })
  })

  it("without koffi, waitFd fails Unsupported and wait goes on", async () => {
    assert.deepStrictEqual(await run("no koffi"), {
      wait: "goes on",
      waitFd: "Unsupported",
      bad: "BadDescriptor",
      makePipe: "Unsupported",
      runSync: "Unsupported"
    })
  })

  it("where the loop cannot watch a descriptor, a thread does", async () => {
    assert.deepStrictEqual(await run("bun"), {
      wait: "goes on",
      waitFd: "waited",
      bad: "BadDescriptor",
      makePipe: "made",
      runSync: "waited"
    })
  })
})
