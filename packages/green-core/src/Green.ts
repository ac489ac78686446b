/**
 * The handlers, assembled: what an application provides.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import type * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as BlockingRunner from "./blocking/BlockingRunner.ts"
import * as EventLoopFdIo from "./eventLoop/EventLoopFdIo.ts"
import * as EventLoopWait from "./eventLoop/EventLoopWait.ts"
import * as EventLoopWaitFd from "./eventLoop/EventLoopWaitFd.ts"
import type { FdIo } from "./FdIo.ts"
import type { Wait } from "./Wait.ts"
import type { WaitFd } from "./WaitFd.ts"

/**
 * The event loop: `wait` suspends the fiber until the promise is settled, `waitFd` until the loop sees the descriptor
 * ready. The process stays up while somebody waits, and ends by itself after.
 *
 * Waiting for descriptors needs Linux, and Node, Bun or Deno; elsewhere `waitFd` and `FdIo` fail `Unsupported`, naming
 * the platform, and `wait` goes on working. macOS has its calls (kqueue), which were tested with an emulation and not yet
 * run there.
 *
 * In a worker thread the main thread watches, and rings when something is ready: it has to be a program that has loaded
 * green-core, if only by `import "green-core"`, and it has to have turns of its loop. A worker may end at any time, in any
 * way: its set is closed then.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer: Layer.Layer<Wait | WaitFd | FdIo> = Layer.mergeAll(
  EventLoopWait.layer,
  EventLoopWaitFd.layer,
  EventLoopFdIo.layer
)

/**
 * Runs a program to its end in this thread, which is blocked meanwhile: no event loop is needed, and none runs. For
 * worker threads, scripts, and plain synchronous code that calls a green program.
 *
 * All of Effect works: sleeping, time-outs, races, forked fibers, queues, streams, interruption, finalizers. When no
 * fiber can go on, the thread waits for the descriptors and the earliest sleeper together, without using the processor.
 * Runs can be nested in each other and in a fiber of the event loop; each knows its own fibers only.
 *
 * What only the event loop could settle cannot be waited for:
 *
 * - `wait` of a promise, or of a function that returns one, fails `WaitError` with `CannotBlockOn` at once.
 * - `wait.callback` may be resumed by another fiber of the program. It fails `CannotBlockOn` when nothing else is left
 *   that could ever go on.
 * - The rest (`Effect.promise`, `Effect.never`, a `Deferred` that nobody completes) cannot be seen: when nothing is left
 *   that could go on, the program is interrupted, its finalizers run, and the result is a defect that says so. A part
 *   that cannot be interrupted is left waiting, and goes on on the event loop if what it waits for ever comes.
 *
 * `waitFd` needs Linux (or macOS, see `layer`) and fails `Unsupported` elsewhere; sleeping works everywhere. The descriptor
 * that the run itself opens is closed at its end, however it ends; Node closes it as well when the thread is a worker that
 * is terminated in the middle.
 *
 * Fibers that are still there when the program has ended, such as those of `Effect.forkDetach`, are interrupted, and
 * their finalizers awaited: nobody would run them later. What an observer of a fiber throws ends the program as a defect.
 *
 * The thread is blocked for 100 ms at most at a time, so `worker.terminate()` is late by that much. A listener to a
 * signal is called after the run, like every other callback of the event loop.
 *
 * Throws what the program failed with, as `Effect.runSync` does: use `runSyncExit` to get all of it.
 *
 * @example
 * ```ts
 * import * as Effect from "effect/Effect"
 * import * as Fiber from "effect/Fiber"
 * import { FdIo, Green, WaitFd } from "green-core"
 *
 * const program = Effect.gen(function*() {
 *   const pipe = yield* FdIo.makePipe
 *   const reader = yield* WaitFd.lease(pipe.reader)
 *   const writer = yield* WaitFd.lease(pipe.writer)
 *   const answer = yield* Effect.forkChild(reader.wait("read"))
 *   yield* Effect.sleep("10 millis")
 *   yield* FdIo.write(writer, Uint8Array.of(1))
 *   return yield* Fiber.join(answer)
 * })
 *
 * console.log(Green.runSync(Effect.scoped(program)).readable)
 * ```
 *
 * @category running
 * @since 0.1.0
 */
export const runSync = <A, E>(program: Effect.Effect<A, E, Wait | WaitFd | FdIo>): A => {
  const exit = BlockingRunner.run(program)
  if (Exit.isFailure(exit)) throw Cause.squash(exit.cause)
  return exit.value
}

/**
 * The same as `runSync`, with the `Exit` as the result. It does not throw.
 *
 * @category running
 * @since 0.1.0
 */
export const runSyncExit: <A, E>(program: Effect.Effect<A, E, Wait | WaitFd | FdIo>) => Exit.Exit<A, E> =
  BlockingRunner.run
