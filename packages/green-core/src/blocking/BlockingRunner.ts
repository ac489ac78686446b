/**
 * Runs a program to its end in the calling thread, blocking it. A runner and not a layer: the scheduler must be there
 * before the first fiber is.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Scheduler from "effect/Scheduler"
import { FdIo } from "../FdIo.ts"
import { systemFdIo } from "../internal/systemFdIo.ts"
import { Wait } from "../Wait.ts"
import { WaitFd } from "../WaitFd.ts"
import * as BlockingClock from "./BlockingClock.ts"
import { BlockingScheduler } from "./BlockingScheduler.ts"
import * as BlockingWait from "./BlockingWait.ts"
import * as BlockingWaitFd from "./BlockingWaitFd.ts"
import { Loop } from "./Loop.ts"

export const run = <A, E>(program: Effect.Effect<A, E, Wait | WaitFd | FdIo>): Exit.Exit<A, E> => {
  const loop = new Loop()
  const scheduler = new BlockingScheduler(loop)
  const context = Context.empty().pipe(
    Context.add(Scheduler.Scheduler, scheduler),
    Context.add(Clock.Clock, BlockingClock.make(loop)),
    Context.add(Wait, BlockingWait.make(loop)),
    Context.add(WaitFd, BlockingWaitFd.make(loop)),
    Context.add(FdIo, systemFdIo)
  )
  // It begins as a task: whatever a continuation throws comes out of the loop, where it is dealt with.
  const root = Effect.runForkWith(context)(Effect.andThen(Effect.yieldNow, program))
  const ended = (): boolean => root.pollUnsafe() !== undefined
  let defect: { readonly error: unknown } | undefined

  /** Ends the program in an orderly way: its finalizers run, and the result is the error. */
  const die = (error: unknown): void => {
    if (defect !== undefined) return
    defect = { error }
    loop.tasks.add(() => root.interruptUnsafe(), 0)
  }
  const drive = (over: () => boolean): boolean => {
    for (;;) {
      try {
        return loop.drive(over)
      } catch (thrown) {
        die(thrown)
      }
    }
  }

  try {
    if (!drive(ended)) {
      die(new Error(waitsForOutside))
      drive(ended)
    }
    interruptAll(loop, scheduler.fibers, drive)
  } finally {
    loop.close()
  }
  const exit = root.pollUnsafe()
  return defect === undefined && exit !== undefined ? exit : Exit.die(defect?.error)
}

/**
 * Ends the fibers that the program left behind: after the run nobody would drive them. One that was only forked starts
 * first; those that they start in turn make another round; one that nothing can end is given up.
 */
const interruptAll = (
  loop: Loop,
  fibers: ReadonlySet<Fiber.Fiber<unknown, unknown>>,
  drive: (over: () => boolean) => boolean
): void => {
  const interrupted = new WeakSet<Fiber.Fiber<unknown, unknown>>()
  const others = () => [...fibers].filter((fiber) => !interrupted.has(fiber))
  while (loop.tasks.pending || others().length > 0) {
    let round: Array<Fiber.Fiber<unknown, unknown>> | undefined
    loop.tasks.add(() => {
      round = others()
      for (const fiber of round) {
        interrupted.add(fiber)
        loop.tasks.add(() => fiber.interruptUnsafe(), 0)
      }
    }, 0)
    drive(() => {
      while (round?.at(-1)?.pollUnsafe() !== undefined) round.pop()
      return round?.length === 0
    })
  }
}

const waitsForOutside =
  "Green.runSync: the program waits for something that can only come from outside of it (a promise, a timer or callback " +
  "of the event loop, a Deferred or Queue that none of its fibers completes), but this thread is blocked by it. Run it " +
  "on the event loop (Effect.runPromise with Green.layer), or wait for a descriptor, a sleep or another fiber instead"
