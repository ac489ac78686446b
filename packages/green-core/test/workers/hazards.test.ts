/** Nothing that can be done to a worker thread which waits for descriptors ends the process, or leaves something in it. */
import { assert, describe, it } from "@effect/vitest"
import { run } from "../hazards/run.ts"

const lines = async (
  program: string,
  ending: { readonly code: number } = { code: 0 },
  ...args: ReadonlyArray<string>
) => {
  const { stdout, ...ended } = await run(new URL("programs.ts", import.meta.url), { args: [program, ...args] })
  assert.deepStrictEqual(ended, { code: ending.code, signal: null, stderr: "" }, stdout)
  return stdout
    .trim()
    .split("\n")
    .map((line): unknown => JSON.parse(line))
}

// GREEN_TERMINATIONS=200 for more.
const count = process.env["GREEN_TERMINATIONS"] ?? "16"

describe("worker threads that wait for descriptors", () => {
  it("terminated again and again, four at a time, while events flow and while they wait: nothing is left behind", async () => {
    assert.deepStrictEqual(await lines("terminations", { code: 0 }, count), [["flows, 1", "waits, 1"], "back"])
  })

  it("terminated again and again while Green.runSync blocks them, waiting or in the middle: nothing is left behind", async () => {
    assert.deepStrictEqual(await lines("blocked", { code: 0 }, count), [["blocks again, 1", "blocks, 1"], "back"])
  })

  it("terminated while events flow in the main thread, too, which go on", async () => {
    assert.deepStrictEqual(await lines("main busy"), ["flows, 1", "main goes on"])
  })

  it("process.exit in a busy worker ends that worker", async () => {
    assert.deepStrictEqual(await lines("exit"), [["flows", 7], "waits", 1])
  })

  it("a worker that ends at whatever moment of its first wait, in whatever way, leaves nothing behind", async () => {
    // GREEN_ENDINGS=20 for more.
    const rounds = process.env["GREEN_ENDINGS"] ?? "1"
    const each = 5 * Number(rounds)
    assert.deepStrictEqual(await lines("endings", { code: 0 }, rounds), [
      "flows, 1",
      { "exits, 0": each, "throws, 1": each, "is terminated, 1": each },
      "back"
    ])
  })

  it("process.exit in the main thread while workers are busy ends the process, with its code", async () => {
    assert.deepStrictEqual(await lines("exit of the process", { code: 5 }), [["flows", "flows", "flows", "flows"]])
  })

  it("a worker of a worker waits as well, and can be terminated by it", async () => {
    assert.deepStrictEqual(await lines("nested"), ["nested flows, 1, 1"])
  })

  it("sixteen at once wait and wake, and end by themselves", async () => {
    assert.deepStrictEqual(await lines("sixteen"), [{ waits: 16 }, { true: 16 }, { 0: 16 }])
  })

  it("a worker that is not to keep the process does not, while it waits", async () => {
    assert.deepStrictEqual(await lines("ends"), ["waits"])
  })

  it("where the main thread has not loaded green-core, the wait fails, and says what to do", async () => {
    const { stdout, ...ended } = await run(new URL("notLoaded.ts", import.meta.url))
    assert.deepStrictEqual(ended, { code: 0, signal: null, stderr: "" })
    assert.include(stdout, "waits")
    assert.include(stdout, 'put import \\"green-core\\" into its program')
  })
})

for (const [place, fixture] of [
  ["where a thread watches for the main thread, as on Bun and Deno", "likeBun.ts"],
  ["on macOS, as far as its kqueue is emulated", "likeDarwin.ts"]
] as const) {
  describe(`worker threads, ${place}`, () => {
    const preload = new URL(`../fixtures/${fixture}`, import.meta.url)

    const told = async (program: string, ...args: ReadonlyArray<string>) => {
      const { stdout, ...ended } = await run(new URL("programs.ts", import.meta.url), {
        args: [program, ...args],
        preload
      })
      assert.deepStrictEqual(ended, { code: 0, signal: null, stderr: "" }, stdout)
      return stdout
    }

    it("terminated again and again: nothing is left behind, and the process ends by itself", async () => {
      assert.strictEqual(await told("terminations", "8"), '["flows, 1","waits, 1"]\n"back"\n')
    })

    it("many at once wait and wake, and end by themselves, and so does the process", async () => {
      assert.strictEqual(await told("sixteen"), '{"waits":16}\n{"true":16}\n{"0":16}\n')
    })
  })
}
