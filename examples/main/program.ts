/**
 * The program: five greenlets, each of them straight-line code that waits for something else.
 *
 * It performs operations and knows no handler: over `Green.layer` and Linux it waits for the real things, over virtual
 * descriptors and a clock of the test for scripted ones.
 */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { wait } from "green-core"
import { runInGreenlet } from "green-task"
import { lines, receive, sendLine } from "./reading.ts"
import { expirations, fileNames } from "./records.ts"
import { type Child, Sources } from "./Sources.ts"
import { say, speaker } from "./transcript.ts"

/** What the child does in its terminal. */
const script = `
  echo "what is your name?"
  read name
  echo "hello, $name"
  for file in one two done; do
    sleep 0.5
    echo "$name" > $file
  done
`

/** A directory, watched by inotify, until a certain file was written. */
const watchDirectory = runInGreenlet(function* (directory: string) {
  yield* speaker.set("directory")
  const inotify = yield* Sources.use((sources) => sources.inotify(directory))
  for (;;) {
    for (const name of fileNames(yield* receive(inotify))) {
      yield* say(`${name} was written`)
      if (name === "done") return
    }
  }
})

/** A timerfd, for ever: only an interrupt ends this one. */
const countTicks = runInGreenlet(function* () {
  yield* speaker.set("timer")
  const timer = yield* Sources.use((sources) => sources.timer("250 millis"))
  let ticks = 0
  for (;;) {
    const record = yield* Effect.onInterrupt(receive(timer), () => say(`interrupted after ${ticks} ticks`))
    ticks += expirations(record)
    yield* say(`tick ${ticks}`)
  }
})

/** The terminal of a child process. */
const converse = runInGreenlet(function* ({ terminal }: Child) {
  yield* speaker.set("terminal")
  const nextLine = lines(terminal)
  for (;;) {
    const line = yield* nextLine
    if (line === undefined) return
    yield* say(line)
    if (line.endsWith("?")) yield* sendLine(terminal, "green")
  }
})

/** A TCP connection, by its bare descriptor, with a time-out. */
const askServer = runInGreenlet(function* (port: number) {
  yield* speaker.set("connection")
  const socket = yield* Sources.use((sources) => sources.connect(port))
  const nextLine = lines(socket)

  yield* socket.wait("write")
  yield* say("connected")
  yield* sendLine(socket, "hello")
  yield* say(`hello → ${yield* nextLine}`)
  yield* sendLine(socket, "are you there?")
  const answer = yield* Effect.timeoutOrElse(nextLine, {
    duration: "300 millis",
    orElse: () => Effect.succeed("no answer in 300 ms")
  })
  yield* say(`are you there? → ${answer}`)
  yield* sendLine(socket, "bye")
  yield* say(`bye → ${yield* nextLine}`)
  if ((yield* nextLine) === undefined) yield* say("the server hung up")
})

/** A promise, which Node can wait for, in the same words. */
const watchChild = runInGreenlet(function* ({ exited }: Child) {
  yield* speaker.set("promise")
  yield* say(`the child ended: ${yield* wait(exited)}`)
})

/**
 * All of it, in a directory and against a server that are there. What a greenlet opens is closed when it ends; when one
 * fails, the others are interrupted.
 */
export const program = Effect.fnUntraced(function* (directory: string, port: number) {
  const child = yield* Sources.use((sources) => sources.terminal(script, directory))

  const timer = yield* Effect.forkChild(Effect.scoped(countTicks()))
  yield* Effect.all(
    [Effect.scoped(watchDirectory(directory)), converse(child), Effect.scoped(askServer(port)), watchChild(child)],
    { concurrency: "unbounded", discard: true }
  )
  yield* Fiber.interrupt(timer)
}, Effect.scoped)
