/**
 * A task of a pool: the handle, the place in the queue, the greenlet, and the way to the fiber, in one.
 */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import { Greenlet, GreenTask } from "green-core"
import type { AsyncResource } from "node:async_hooks"
import { TaskDropped } from "../PoolError.ts"
import type { Job } from "./Job.ts"
import type { Lane } from "./JobQueue.ts"
import * as Nest from "./Nest.ts"
import type { Workers } from "./Workers.ts"

export class Task<A, E, R = never> extends GreenTask.Class<A, E | TaskDropped> implements Job {
  order = 0
  lane: Lane | undefined = undefined
  next: Job | undefined = undefined
  previous: Job | undefined = undefined
  nest: Nest.Nest | undefined = undefined
  ended = false
  readonly workers: Workers
  readonly key: unknown
  protected readonly context: Context.Context<R>
  /** What to do, and then who does it. */
  #effect: Effect.Effect<A, E, R> | undefined
  #fiber: Fiber.Fiber<A, E> | "to be interrupted" | undefined = undefined
  /** The asynchronous context of who submitted it, until it starts. */
  #submitter: AsyncResource | undefined

  constructor(
    workers: Workers,
    effect: Effect.Effect<A, E, R>,
    context: Context.Context<R>,
    key: unknown,
    submitter: AsyncResource
  ) {
    super()
    this.workers = workers
    this.key = key
    this.context = context
    this.#effect = effect
    this.#submitter = submitter
  }

  get greenlet(): Greenlet.Greenlet {
    return this
  }

  get parent(): Greenlet.Greenlet {
    return Nest.hostOf(this) ?? this.workers.parent
  }

  /** Joined from a task of the same pool it may run in the joiner's place, which may be the last. */
  override get exit(): Effect.Effect<Exit.Exit<A, E | TaskDropped>> {
    const end = super.exit
    return Effect.suspend(() => {
      const joiner = this.ended ? undefined : this.workers.jobOf(Greenlet.currentUnsafe())
      if (joiner === undefined) return end
      const turn = { take: () => (this.workers.takeOut(this) ? this : undefined) }
      return waiting(joiner, this.waits ? inTurn(joiner, turn, end) : end)
    })
  }

  /** Whether it has neither started nor ended. */
  get waits(): boolean {
    return this.#effect !== undefined
  }

  start(): void {
    const submitter = this.#submitter
    if (submitter === undefined) return
    this.#submitter = undefined
    Greenlet.enterFromUnsafe(submitter, this, Task.#fork, this)
  }

  drop(why: "interrupted" | "outrun"): void {
    this.#effect = undefined
    this.#submitter = undefined
    Task.#end(this, why === "outrun" ? Exit.fail(new TaskDropped()) : Exit.interrupt())
  }

  interruptUnsafe(): void {
    if (this.#effect !== undefined) {
      this.workers.remove(this)
      this.drop("interrupted")
    } else if (typeof this.#fiber === "object") this.#fiber.interruptUnsafe()
    else this.#fiber = "to be interrupted"
  }

  static readonly #fork = <A, E, R>(task: Task<A, E, R>): void => {
    const effect = task.#effect
    if (effect === undefined) return
    task.#effect = undefined
    const fiber = Effect.runForkWith(task.context)(effect)
    if (task.#fiber === "to be interrupted") fiber.interruptUnsafe()
    task.#fiber = fiber
    fiber.addObserver((exit) => {
      task.#fiber = undefined
      Task.#end(task, shared(exit))
      task.workers.advance()
    })
  }

  // Static: a private method costs each task a field.
  static #end<A, E, R>(task: Task<A, E, R>, exit: Exit.Exit<A, E | TaskDropped>): void {
    task.ended = true
    if (task.lane !== undefined) Nest.leave(task)
    if (ending) {
      late.push(() => task.completeUnsafe(exit))
      return
    }
    ending = true
    task.completeUnsafe(exit)
    for (let next = late.shift(); next !== undefined; next = late.shift()) next()
    ending = false
  }
}

/** One exit for all tasks that give no value: the collector has fewer to carry along with the handles. */
function shared<A, E>(exit: Exit.Exit<A, E>): Exit.Exit<A, E>
function shared(exit: Exit.Exit<unknown, unknown>): Exit.Exit<unknown, unknown> {
  return Exit.isSuccess(exit) && exit.value === undefined ? Exit.void : exit
}

/** Whether somebody is being told of an end. He may end by that, and so on: those who follow are told in a flat loop. */
let ending = false
const late: Array<() => void> = []

/** Performs the effect, which waits for others of the pool, in the job. */
export const waiting = <A, E, R>(job: Job, effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.acquireUseRelease(
    Effect.sync(() => job.workers.wait(job)),
    () => effect,
    () => Effect.sync(() => job.workers.waitNoMore(job))
  )

/** Performs the effect, and lets another job run in this one meanwhile. */
export const inTurn = <A, E, R>(job: Job, turn: Nest.Turn, effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.uninterruptibleMask((restore) => {
    Nest.wait(job, turn)
    return Effect.ensuring(
      restore(effect),
      Effect.sync(() => Nest.withdraw(job, turn))
    )
  })
