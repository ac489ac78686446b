/** The worker of two hazards: says what its waits came to, then idles or keeps its loop busy until it is terminated. */
import * as Effect from "effect/Effect"
import { Green, wait, waitFd } from "green-core"
import { parentPort, workerData } from "node:worker_threads"

const { fd, mode } = workerData

const program = Effect.gen(function* () {
  const error = yield* Effect.flip(waitFd(fd))
  const value = yield* wait(() => Promise.resolve("promise"))
  parentPort?.postMessage([error.reason._tag, value])
  if (mode === "idle") return yield* wait(() => new Promise<never>(() => parentPort?.ref()))
  for (;;) {
    yield* wait(() => new Promise((resolve) => setImmediate(resolve)))
    yield* Effect.exit(waitFd(fd))
  }
})

await Effect.runPromise(Effect.provide(program, Green.layer))
