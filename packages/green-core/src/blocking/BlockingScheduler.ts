/**
 * Effect's scheduler over a loop: one dispatcher for all fibers of a run, and the account of these fibers.
 *
 * One dispatcher, because a fiber otherwise gets its own, which nobody would drive.
 */
import type * as Fiber from "effect/Fiber"
import * as Scheduler from "effect/Scheduler"
import type { Loop } from "./Loop.ts"

type AnyFiber = Fiber.Fiber<unknown, unknown>

export class BlockingScheduler implements Scheduler.Scheduler {
  readonly executionMode = "sync"
  /** The fibers that have started and not ended. */
  readonly fibers = new Set<AnyFiber>()
  readonly #loop: Loop
  readonly #dispatcher: Scheduler.SchedulerDispatcher

  constructor(loop: Loop) {
    this.#loop = loop
    // What outlives the run, such as a queue that it made, schedules on the event loop from then on.
    let after: Scheduler.SchedulerDispatcher | undefined
    this.#dispatcher = {
      scheduleTask: (task, priority) => {
        if (!loop.closed) loop.tasks.add(task, priority)
        else (after ??= new Scheduler.MixedScheduler().makeDispatcher()).scheduleTask(task, priority)
      },
      flush: () => {
        while (loop.tasks.pending) loop.tasks.runRound()
        after?.flush()
      }
    }
  }

  shouldYield(fiber: AnyFiber): boolean {
    const operations = fiber.currentOpCount
    // Every fiber passes here at its first operation: there is no other place where a scheduler is told of it.
    if (operations === 1 && !this.fibers.has(fiber) && !this.#loop.closed) this.#started(fiber)
    return operations >= fiber.cache.maxOpsBeforeYield
  }

  makeDispatcher(): Scheduler.SchedulerDispatcher {
    return this.#dispatcher
  }

  #started(fiber: AnyFiber): void {
    this.fibers.add(fiber)
    fiber.addObserver(() => this.fibers.delete(fiber))
  }
}
