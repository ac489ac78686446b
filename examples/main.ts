/**
 * The main example, `npm start`: one program that waits for a watched directory, a timer, a child's terminal, a TCP
 * connection and a promise, each in a greenlet of its own, in straight-line code. Read `main/program.ts` next.
 *
 * This file is the application: it names the handlers, makes the place to work in, and sums up.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Green, WaitFd } from "green-core"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { type Counts, counted } from "./main/counted.ts"
import * as LinuxSources from "./main/linuxSources.ts"
import { program } from "./main/program.ts"
import * as Server from "./main/server.ts"
import { say, Transcript } from "./main/transcript.ts"

const counts: Counts = { waits: 0, wakeUps: 0 }

const handlers = Layer.mergeAll(
  counted(counts).pipe(Layer.provideMerge(Green.layer)),
  LinuxSources.layer,
  Transcript.layer
)

const temporaryDirectory = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "green-"))),
  (directory) => Effect.sync(() => rmSync(directory, { recursive: true }))
)

const application = Effect.gen(function* () {
  const started = process.cpuUsage()
  const directory = yield* temporaryDirectory
  const port = yield* Server.listen
  yield* say(`a directory, ${directory}; a server on port ${port}`)
  yield* program(directory, port)

  const { readers, writers } = yield* WaitFd.statistics
  const { system, user } = process.cpuUsage(started)
  yield* say(`${counts.waits} waits, ${counts.wakeUps} wake-ups, ${readers + writers} still waiting`)
  yield* say(`${Math.round((user + system) / 1000)} ms of CPU`)
})

if (process.platform === "linux") {
  NodeRuntime.runMain(application.pipe(Effect.scoped, Effect.provide(handlers)))
} else {
  console.log(`inotify, timerfd and these terminals are Linux's: there is nothing to show on ${process.platform}`)
}
