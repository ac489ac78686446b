/** A worker thread that waits for descriptors of its main thread's, in the way that it is told. */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { FdIo, Green, waitFd } from "green-core"
import { once } from "node:events"
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads"

export interface Told {
  readonly mode:
    | "flow"
    | "wait"
    | "exit"
    | "nest"
    | "once"
    | "exits"
    | "throws"
    | "is terminated"
    | "blocks"
    | "blocks again"
  /** The two ends of a socket pair. */
  readonly ends: readonly [number, number]
  /** For how many turns of its loop it waits before it ends; at 0 it has only begun. */
  readonly turns?: number
}

const post = (message: unknown) => Effect.sync(() => parentPort?.postMessage(message))

/** A byte goes there and back. */
const trip = ([one, other]: Told["ends"]) =>
  Effect.gen(function* () {
    const bytes = new Uint8Array(1)
    for (const [from, to] of [
      [one, other],
      [other, one]
    ] as const) {
      yield* FdIo.write(from, bytes)
      yield* waitFd(to)
      yield* FdIo.read(to, bytes)
    }
  })

const program = ({ ends, mode, turns = 0 }: Told) =>
  Effect.gen(function* () {
    const waiter = yield* Effect.forkChild(waitFd(ends[0]), { startImmediately: true })
    if (mode === "exits" || mode === "throws" || mode === "is terminated") {
      for (let turn = 0; turn < turns; turn++) yield* nextTurn
      return yield* Effect.sync(() => end(mode))
    }
    if (mode === "once") {
      yield* post("waits")
      const { readable } = yield* Fiber.join(waiter)
      return yield* post(readable)
    }
    yield* Fiber.interrupt(waiter)
    for (let trips = 0; trips < 100; trips++) yield* trip(ends)
    if (mode === "wait") {
      yield* post("waits")
      yield* waitFd(ends[0])
    }
    if (mode === "nest") yield* post(yield* nested(ends))
    yield* post("flows")
    if (mode === "exit") setImmediate(() => process.exit(7))
    return yield* Effect.forever(trip(ends))
  })

const nextTurn = Effect.callback<void>((resume) => void setImmediate(() => resume(Effect.void)))

/** Ends this thread, here and now. */
const end = (mode: "exits" | "throws" | "is terminated"): void => {
  if (mode === "exits") process.exit(0)
  if (mode === "throws") {
    setImmediate(() => {
      throw new Error("uncaught")
    })
    return
  }
  parentPort?.postMessage("terminate me")
  // It gets no further than this.
  for (;;);
}

/** A worker of this worker: what it says, and how it ended when it was terminated. */
const nested = (ends: Told["ends"]) =>
  Effect.promise(async () => {
    const worker = new Worker(new URL(import.meta.url), { workerData: { mode: "flow", ends } satisfies Told })
    const [said] = await once(worker, "message")
    return `nested ${said}, ${await worker.terminate()}`
  })

/** Waits in a blocked thread, over and over or for what never comes. */
const block = ({ ends, mode }: Told): void => {
  const told = Effect.sync(() => parentPort?.postMessage(mode))
  if (mode === "blocks") Green.runSync(Effect.andThen(told, waitFd(ends[0])))
  // Not ready at once: it is waited for in a set.
  const again = Effect.race(waitFd(ends[0]), Effect.yieldNow)
  Green.runSync(told)
  for (;;) Green.runSync(again)
}

if (!isMainThread) {
  const told: Told = workerData
  if (told.mode === "blocks" || told.mode === "blocks again") block(told)
  await Effect.runPromise(program(told).pipe(Effect.provide(Green.layer))).catch((error: unknown) => {
    parentPort?.postMessage(error instanceof Error ? error.message : String(error))
  })
}
