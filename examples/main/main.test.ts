/** The main example as a user runs it, and what it leaves behind: nothing. */
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import { Fd, Green, wait } from "green-core"
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, readdirSync, readlinkSync, rmSync } from "node:fs"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { root } from "../../test/support/run.ts"
import * as LinuxSources from "./linuxSources.ts"
import { program } from "./program.ts"
import { sendLine } from "./reading.ts"
import * as Server from "./server.ts"
import { Sources } from "./Sources.ts"
import { Transcript } from "./transcript.ts"

const minute = 60_000

const temporaryDirectory = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "green-test-"))),
  (directory) => Effect.sync(() => rmSync(directory, { recursive: true }))
)

const spawned = (command: string, args: ReadonlyArray<string>, environment: Record<string, string> = {}) =>
  Effect.acquireRelease(
    Effect.sync(() => spawn(command, args, { cwd: root, env: { ...process.env, ...environment } })),
    (child) => Effect.sync(() => child.kill("SIGKILL"))
  )

/** `npm start`, with a directory for temporary files of its own. */
const startMain = (temporary: string, options: ReadonlyArray<string> = []) =>
  spawned(process.execPath, ["--conditions=green-source", ...options, "examples/main.ts"], { TMPDIR: temporary })

/** What a process prints, and its exit code. */
const finish = (child: ChildProcessWithoutNullStreams) =>
  wait(async () => {
    const exited = once(child, "exit")
    const lines: Array<string> = []
    for await (const line of createInterface(child.stdout)) lines.push(line)
    const [code] = await exited
    return { lines, code: Number(code) }
  })

/** What one of the greenlets said, without the time. */
const said = (lines: ReadonlyArray<string>, name: string) =>
  lines.flatMap((line) => {
    const [, speaker, text] = /^ *\d+ ms  (\w+) +(.*)$/.exec(line) ?? []
    return speaker === name && text !== undefined ? [text] : []
  })

const assertComplete = (lines: ReadonlyArray<string>) => {
  assert.deepStrictEqual(said(lines, "directory"), ["one was written", "two was written", "done was written"])
  assert.deepStrictEqual(said(lines, "terminal"), ["what is your name?", "green", "hello, green"])
  assert.deepStrictEqual(said(lines, "connection"), [
    "connected",
    "hello → HELLO",
    "are you there? → no answer in 300 ms",
    "bye → BYE",
    "the server hung up"
  ])
  assert.deepStrictEqual(said(lines, "promise"), ["the child ended: 0"])
  assert.match(said(lines, "timer")[0] ?? "", /^tick \d+$/)
  assert.match(said(lines, "timer").at(-1) ?? "", /^interrupted after \d+ ticks$/)
  const [place, waits, cpu, ...more] = said(lines, "program")
  assert.match(place ?? "", /^a directory, .*; a server on port \d+$/)
  assert.match(waits ?? "", /^\d+ waits, \d+ wake-ups, 0 still waiting$/)
  assert.match(cpu ?? "", /^\d+ ms of CPU$/)
  assert.deepStrictEqual(more, [])
}

/** Whether the working directory of some process is in this one. */
const isUsed = (directory: string) =>
  readdirSync("/proc").some((pid) => {
    try {
      return /^\d+$/.test(pid) && readlinkSync(`/proc/${pid}/cwd`).startsWith(directory)
    } catch {
      return false
    }
  })

/** Waits until no process is there any more: a signal takes its time, and nothing tells of its end. */
const deserted = (directory: string) =>
  Effect.suspend(() => Effect.succeed(isUsed(directory))).pipe(
    Effect.delay("10 millis"),
    Effect.repeat({ while: (used) => used })
  )

/** What this process has open. */
const descriptors = () =>
  readdirSync("/proc/self/fd").flatMap((fd) => {
    try {
      return [readlinkSync(`/proc/self/fd/${fd}`)]
    } catch {
      return []
    }
  })

describe.skipIf(process.platform !== "linux")("the main example on Linux", () => {
  const complete = Effect.gen(function* () {
    const temporary = yield* temporaryDirectory
    const main = yield* startMain(temporary)
    const { code, lines } = yield* finish(main)
    assert.strictEqual(code, 0)
    assertComplete(lines)
    assert.deepStrictEqual(readdirSync(temporary), [])
    yield* deserted(temporary)
  }).pipe(Effect.provide(Green.layer))

  it.live("prints everything, sums up, and exits with 0", () => complete, minute)

  it.live(
    "prints everything on a busy machine too",
    () =>
      Effect.gen(function* () {
        yield* Effect.all([1, 2, 3].map(() => spawned("sh", ["-c", "while :; do :; done"])))
        yield* complete
      }),
    2 * minute
  )

  it.live(
    "cleans up when it is told to stop",
    () =>
      Effect.gen(function* () {
        const temporary = yield* temporaryDirectory
        const main = yield* startMain(temporary)
        main.stdout.once("data", () => main.kill("SIGINT"))
        const { code, lines } = yield* finish(main)
        assert.strictEqual(code, 130)
        assert.deepStrictEqual(said(lines, "promise"), [])
        assert.deepStrictEqual(readdirSync(temporary), [])
        yield* deserted(temporary)
      }).pipe(Effect.provide(Green.layer)),
    minute
  )

  it.live(
    "says in one line that there is nothing to show elsewhere, and exits with 0",
    () =>
      Effect.gen(function* () {
        const elsewhere = `data:text/javascript,Object.defineProperty(process, "platform", { value: "darwin" })`
        const main = yield* startMain(tmpdir(), ["--import", elsewhere])
        const { code, lines } = yield* finish(main)
        assert.strictEqual(code, 0)
        assert.strictEqual(lines.length, 1)
        assert.include(lines[0], "nothing to show on darwin")
      }).pipe(Effect.provide(Green.layer)),
    minute
  )

  const silent = Layer.succeed(Transcript, { say: () => Effect.void })
  const handlers = Layer.mergeAll(Green.layer, LinuxSources.layer, silent)

  const run = Effect.gen(function* () {
    yield* program(yield* temporaryDirectory, yield* Server.listen)
  }).pipe(Effect.scoped)

  it.live(
    "closes every descriptor, at its end and when it is interrupted",
    () =>
      Effect.gen(function* () {
        // The event loop opens what it keeps.
        yield* Effect.timeoutOption(run, "10 millis")
        const before = descriptors()
        yield* run
        yield* Effect.timeoutOption(run, "200 millis")
        assert.deepStrictEqual(
          descriptors().filter((each) => !before.includes(each)),
          []
        )
      }).pipe(Effect.provide(handlers)),
    minute
  )

  it.live("a terminal's child does not outlive its scope", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      const { exited } = yield* Effect.scoped(
        Sources.use((sources) => sources.terminal("while :; do sleep 60; done", directory))
      )
      assert.strictEqual(yield* wait(exited), "SIGKILL")
      yield* deserted(directory)
    }).pipe(Effect.provide(handlers))
  )

  it.live("a directory that is not there fails, typed, and leaves no descriptor", () =>
    Effect.gen(function* () {
      const before = descriptors()
      const exit = yield* Effect.exit(Effect.scoped(Sources.use((sources) => sources.inotify("/nowhere"))))
      assert.isTrue(Exit.isFailure(exit) && Cause.squash(exit.cause) instanceof Fd.FdError)
      assert.include(String(exit), "ENOENT")
      assert.deepStrictEqual(
        descriptors().filter((each) => !before.includes(each)),
        []
      )
    }).pipe(Effect.provide(handlers))
  )

  it.live("a connection that is refused fails, typed, at the first write", () =>
    Effect.gen(function* () {
      const port = yield* wait(async () => {
        const server = createServer().listen(0, "127.0.0.1")
        await once(server, "listening")
        const address = server.address()
        server.close()
        await once(server, "close")
        return typeof address === "object" && address !== null ? address.port : 0
      })
      const socket = yield* Sources.use((sources) => sources.connect(port))
      assert.isTrue((yield* socket.wait("write")).error)
      const fiber = yield* Effect.forkChild(sendLine(socket, "hello"))
      assert.include(String(yield* Fiber.await(fiber)), "ECONNREFUSED")
    }).pipe(Effect.provide(handlers))
  )
})
