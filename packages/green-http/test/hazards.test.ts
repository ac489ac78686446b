/** What could take the process with it runs in a process of its own. */
import { assert, describe, it } from "@effect/vitest"
import { execFile } from "node:child_process"
import { fileURLToPath } from "node:url"

const run = (fixture: string): Promise<{ readonly error: unknown; readonly lines: ReadonlyArray<string> }> =>
  new Promise((resolve) => {
    const source = fileURLToPath(new URL(`fixtures/${fixture}.ts`, import.meta.url))
    const options = { timeout: 60_000, killSignal: "SIGKILL" } as const
    execFile(process.execPath, ["--conditions=green-source", source], options, (error, stdout) =>
      resolve({ error, lines: stdout.trim().split("\n") })
    )
  })

describe("an upload to a server of HTTP/2", () => {
  it("that is interrupted while the server reads it neither spins nor breaks what comes after", async () => {
    const { error, lines } = await run("http2Uploads")
    assert.isNull(error)
    assert.deepStrictEqual(
      lines,
      Array.from({ length: 9 }, () => "hello over HTTP/2.0")
    )
  })
})
