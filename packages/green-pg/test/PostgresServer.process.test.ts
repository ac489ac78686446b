/** The server and the processes around it: whose end it does not outlive, and with whom it shares its programs. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import { PostgresServer } from "green-pg/testing"
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from "node:fs"
import { tmpdir } from "node:os"
import * as Path from "node:path"
import { run, type Running } from "./support/process.ts"

/** A directory for temporary files that nobody else uses. Everybody can enter it, as the server's account must. */
const temporary: Effect.Effect<string, never, Scope.Scope> = Effect.acquireRelease(
  Effect.sync(() => {
    const directory = mkdtempSync(Path.join(tmpdir(), "green-pg-test-"))
    chmodSync(directory, 0o1777)
    return directory
  }),
  (directory) => Effect.sync(() => rmSync(directory, { recursive: true, force: true, maxRetries: 5 }))
)

/** With `directory` as the temporary one, in this process. */
const within = <A, E, R>(directory: string, effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.acquireUseRelease(
    Effect.sync(() => {
      const before = process.env["TMPDIR"]
      process.env["TMPDIR"] = directory
      return before
    }),
    () => effect,
    (before) =>
      Effect.sync(() => {
        if (before === undefined) delete process.env["TMPDIR"]
        else process.env["TMPDIR"] = before
      })
  )

const ours = `green-pg-${process.getuid?.()}`

const isAlive = (processId: number) => {
  try {
    process.kill(processId, 0)
    return true
  } catch {
    return false
  }
}

const place = (running: Running) =>
  Effect.map(running.said, (said) => {
    assert(typeof said === "object" && said !== null && "dataDirectory" in said && "processId" in said)
    return { directory: Path.dirname(String(said.dataDirectory)), processId: Number(said.processId) }
  })

const untilGone = ({ directory, processId }: { readonly directory: string; readonly processId: number }) =>
  Effect.repeat(
    Effect.sync(() => existsSync(directory) || isAlive(processId)),
    { while: (isThere) => isThere, schedule: Schedule.spaced("20 millis") }
  )

describe("a server does not outlive its process", () => {
  it.live("that was killed", () =>
    Effect.gen(function* () {
      const running = yield* run("server.ts", ["stay"])
      const server = yield* place(running)
      assert.isTrue(isAlive(server.processId))
      running.child.kill("SIGKILL")
      yield* untilGone(server)
    })
  )

  it.live("that had nothing left to do, which it does not prevent", () =>
    Effect.gen(function* () {
      const running = yield* run("server.ts", ["leave"])
      const server = yield* place(running)
      // An await that nothing will ever end
      assert.strictEqual((yield* running.ended).code, 13)
      yield* untilGone(server)
    })
  )

  it.live("that ended its scope, which waits for the server", () =>
    Effect.gen(function* () {
      const running = yield* run("server.ts", ["end"])
      const { directory, processId } = yield* place(running)
      assert.deepStrictEqual(yield* running.ended, { code: 0, signal: null, stderr: "" })
      assert.deepStrictEqual([existsSync(directory), isAlive(processId)], [false, false])
    })
  )
})

describe("the programs are copied once for all", () => {
  it.live("by two processes that come at the same time, and again by a third that finds holes in the copy", () =>
    Effect.gen(function* () {
      const directory = yield* temporary
      const start = run("server.ts", ["end"], { TMPDIR: directory })
      const first = yield* Effect.all([start, start])
      for (const running of first) {
        assert.deepStrictEqual(yield* running.ended, { code: 0, signal: null, stderr: "" })
      }
      assert.deepStrictEqual(readdirSync(directory), [ours])
      const copies = readdirSync(Path.join(directory, ours)).sort()
      assert.deepStrictEqual(
        copies.map((name) => name.split("-")[0]),
        ["cluster", "postgresql"]
      )
      const [cluster = "", installation = ""] = copies
      rmSync(Path.join(directory, ours, cluster, "content/data/global/pg_control"))
      rmSync(Path.join(directory, ours, installation, "content/share"), { recursive: true })
      const next = yield* start
      assert.deepStrictEqual(yield* next.ended, { code: 0, signal: null, stderr: "" })
      assert.deepStrictEqual(readdirSync(Path.join(directory, ours)).sort(), copies)
    })
  )

  it.effect.each<readonly [string, (path: string) => void]>([
    [
      "that others may write to",
      (path) => {
        mkdirSync(path)
        chmodSync(path, 0o777)
      }
    ],
    ["that is a link", (path) => symlinkSync(tmpdir(), path)]
  ])("not to a directory %s", ([, make]) =>
    Effect.gen(function* () {
      const directory = yield* temporary
      make(Path.join(directory, ours))
      const error = yield* within(directory, Effect.flip(PostgresServer.make()))
      assert.match(error.message, /green-pg-\d+ is not a directory of user \d+ alone; remove it/)
    })
  )
})

it.live("a start that is interrupted at any moment leaves nothing", () =>
  Effect.gen(function* () {
    const directory = yield* temporary
    yield* within(
      directory,
      Effect.gen(function* () {
        // The first ones meet the copying and initdb, until one has got so far.
        for (const milliseconds of [0, 5, 20, 80, 160, 320, 640, 1_280, 30, 60, 100]) {
          const fiber = yield* Effect.forkChild(
            Effect.scoped(
              Effect.gen(function* () {
                yield* PostgresServer.make()
                return yield* Effect.never
              })
            ),
            { startImmediately: true }
          )
          yield* Effect.sleep(milliseconds)
          yield* Fiber.interrupt(fiber)
          assert.deepStrictEqual(
            readdirSync(directory).filter((name) => name !== ours),
            []
          )
          const shared = Path.join(directory, ours)
          const copies = existsSync(shared) ? readdirSync(shared) : []
          assert.deepStrictEqual(
            copies.filter((name) => name.startsWith("partial")),
            []
          )
          assert.deepStrictEqual(processesIn(directory), [])
        }
        const server = yield* PostgresServer.make()
        assert.isTrue(existsSync(server.dataDirectory))
      })
    )
  })
)

/** Those whose command names a directory. */
const processesIn = (directory: string): ReadonlyArray<string> =>
  readdirSync("/proc").filter((name) => {
    if (!/^\d+$/.test(name)) return false
    try {
      return readFileSync(`/proc/${name}/cmdline`, "utf8").includes(directory)
    } catch {
      return false
    }
  })
