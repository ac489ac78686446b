/**
 * Whether anything can still go on by itself.
 *
 * It is judged by what is seen from the services that a program runs on, each wrapped around the one outside: tasks in
 * the queues of the scheduler (a fiber that can run), sleepers of the clock, and `wait`s that are not settled. What
 * goes past them, such as a promise that an `Effect.promise` waits for, is not seen.
 *
 * A judgement takes two turns of the loop in which nothing was seen to move: callbacks and promises that were ready to
 * run have run by then.
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import type { Scheduler, SchedulerDispatcher } from "effect/Scheduler"
import type { TestClock } from "effect/testing/TestClock"
import type { Wait } from "../Wait.ts"

interface Outside {
  readonly scheduler: Scheduler
  readonly clock: Clock.Clock
  readonly wait: Wait["Service"]
}

/** Those who are stuck when nothing can go on: whether there are any, and what is then done about it. */
interface Stuck {
  readonly any: () => boolean
  readonly release: () => void
}

/** How many turns of the loop nothing has to move in. */
const turnsOfRest = 2

export class Quiescence {
  readonly scheduler: Scheduler
  readonly clock: Clock.Clock
  readonly wait: Wait["Service"]
  readonly #stuck: Stuck
  readonly #nextTurn: (turn: () => void) => void
  #tasks = 0
  #sleepers = 0
  #waits = 0
  #settlers: Array<() => void> = []
  /** Counts what was seen to move. */
  #moves = 0
  #movesSeen = 0
  #turns = 0
  #turning = false

  constructor(outside: Outside, stuck: Stuck) {
    this.#stuck = stuck
    this.scheduler = this.#countTasks(outside.scheduler)
    this.clock = this.#countSleepers(outside.clock)
    this.wait = this.#countWaits(outside.wait)
    if (outside.scheduler.executionMode === "async") {
      this.#nextTurn = setImmediate
    } else {
      // The thread is blocked by whoever runs the tasks; there are no other turns than theirs.
      const dispatcher = outside.scheduler.makeDispatcher()
      this.#nextTurn = (turn) => dispatcher.scheduleTask(turn, 0)
    }
  }

  /** Waits until no fiber can run: each one waits for a descriptor, for the clock, or for something outside. */
  readonly settled: Effect.Effect<void> = Effect.callback<void>((resume) => {
    const settler = () => resume(Effect.void)
    this.#settlers.push(settler)
    this.moved()
    return Effect.sync(() => {
      this.#settlers = this.#settlers.filter((other) => other !== settler)
    })
  })

  /** Something has moved: somebody has begun or ceased to wait, to sleep, to run. */
  readonly moved = (): void => {
    this.#moves++
    if (this.#turning || !this.#isAsked()) return
    this.#turning = true
    this.#turns = 0
    this.#movesSeen = this.#moves
    this.#nextTurn(this.#turn)
  }

  readonly #turn = (): void => {
    this.#turning = false
    if (!this.#isAsked()) return
    if (this.#moves === this.#movesSeen) this.#turns++
    else this.#turns = 0
    this.#movesSeen = this.#moves
    if (this.#turns < turnsOfRest) {
      this.#turning = true
      this.#nextTurn(this.#turn)
      return
    }
    const settlers = this.#settlers
    this.#settlers = []
    if (settlers.length === 0) this.#stuck.release()
    for (const settler of settlers) settler()
    this.moved()
  }

  /** Whether there is a judgement to be made, and nobody who runs puts it off. */
  #isAsked(): boolean {
    if (this.#tasks > 0) return false
    return this.#settlers.length > 0 || (this.#sleepers + this.#waits === 0 && this.#stuck.any())
  }

  #countTasks(outside: Scheduler): Scheduler {
    const began = () => {
      this.#tasks++
    }
    const ended = () => {
      this.#tasks--
      this.moved()
    }
    return {
      executionMode: outside.executionMode,
      shouldYield: (fiber: Fiber.Fiber<unknown, unknown>) => outside.shouldYield(fiber),
      makeDispatcher: () => new CountingDispatcher(outside.makeDispatcher(), began, ended)
    }
  }

  #countSleepers(outside: Clock.Clock): Clock.Clock {
    const began = Effect.sync(() => {
      this.#sleepers++
      this.#moves++
    })
    const ended = Effect.sync(() => {
      this.#sleepers--
      this.moved()
    })
    const counting = (clock: Clock.Clock): Clock.Clock => {
      const counted: Clock.Clock & { withLive?: TestClock["withLive"] } = Object.create(clock)
      counted.sleep = (duration) =>
        // Who sleeps for ever wakes nobody.
        Duration.isFinite(duration)
          ? Effect.acquireUseRelease(
              began,
              () => clock.sleep(duration),
              () => ended
            )
          : clock.sleep(duration)
      if (isTestClock(clock)) {
        counted.withLive = (effect) =>
          clock.withLive(Clock.clockWith((live) => Effect.provideService(effect, Clock.Clock, counting(live))))
      }
      return counted
    }
    return counting(outside)
  }

  #countWaits(outside: Wait["Service"]): Wait["Service"] {
    const began = () => {
      this.#waits++
      this.#moves++
    }
    const ended = () => {
      this.#waits--
      this.moved()
    }
    return {
      wait: (request) =>
        Effect.acquireUseRelease(
          Effect.sync(began),
          () => outside.wait(request),
          () => Effect.sync(ended)
        ),
      register: (request, resume, context) => {
        let isOver = false
        const over = () => {
          if (isOver) return
          isOver = true
          ended()
        }
        began()
        const withdraw = outside.register(
          request,
          (exit) => {
            over()
            resume(exit)
          },
          context
        )
        return () => {
          over()
          withdraw()
        }
      }
    }
  }
}

class CountingDispatcher implements SchedulerDispatcher {
  readonly #outside: SchedulerDispatcher
  readonly #began: () => void
  readonly #ended: () => void

  constructor(outside: SchedulerDispatcher, began: () => void, ended: () => void) {
    this.#outside = outside
    this.#began = began
    this.#ended = ended
  }

  scheduleTask(task: () => void, priority: number): void {
    this.#began()
    this.#outside.scheduleTask(() => {
      this.#ended()
      task()
    }, priority)
  }

  flush(): void {
    this.#outside.flush()
  }
}

const isTestClock = (clock: Clock.Clock): clock is TestClock => "adjust" in clock && "withLive" in clock
