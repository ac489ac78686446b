/**
 * The process of one round of `memory.ts`: `waiters.ts <kind> <count>` prints the resident memory, in bytes, that each
 * of so many fibers adds. `waitFd`: they wait for descriptors, one each; `never`: for nothing at all.
 */
import * as Effect from "effect/Effect"
import { Green, waitFd } from "green-core"
import { makeEvents } from "./system.ts"

const [, , kind, count] = process.argv

const resident = Effect.promise(async () => {
  // Collected more than once: what a finalizer frees is free after the next.
  for (let time = 0; time < 4; time++) {
    globalThis.gc?.()
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  return process.memoryUsage.rss()
})

const watch = Effect.fnUntraced(function* (descriptors: ReadonlyArray<number>) {
  for (const fd of descriptors) {
    yield* Effect.forkChild(kind === "waitFd" ? waitFd(fd) : Effect.never, { startImmediately: true })
  }
})

const program = Effect.gen(function* () {
  const descriptors = makeEvents(Number(count), 0)
  // What comes with the first, such as compiled code and the set itself, is not charged to the others.
  yield* watch(makeEvents(500, 0))
  const before = yield* resident
  yield* watch(descriptors)
  const after = yield* resident
  return (after - before) / descriptors.length
})

console.log(await Effect.runPromise(program.pipe(Effect.provide(Green.layer))))
process.exit()
