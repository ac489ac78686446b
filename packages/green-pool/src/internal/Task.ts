/**
 * A task of a pool: the handle, the place in the queue, and the fiber, in one.
 */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import { Greenlet, GreenTask } from "green-core"
import { AsyncResource } from "node:async_hooks"
import { TaskDropped } from "../PoolError.ts"
import type { Job } from "./Job.ts"
import type { Lane } from "./JobQueue.ts"
import { Slot, type Turn } from "./Slot.ts"
import type { Workers } from "./Workers.ts"

export class Task<A, E, R = never> extends GreenTask.Class<A, E | TaskDropped> implements Job {
  order = 0
  lane: Lane | undefined = undefined
  next: Job | undefined = undefined
  previous: Job | undefined = undefined
  readonly key: unknown
  protected readonly context: Context.Context<R>
  readonly #workers: Workers
  #effect: Effect.Effect<A, E, R> | undefined
  #fiber: Fiber.Fiber<A, E> | "to be interrupted" | undefined
  #slot: Slot | undefined
  /** The asynchronous context of who submitted it, until it starts. */
  #submitter: AsyncResource | undefined

  constructor(
    workers: Workers,
    effect: Effect.Effect<A, E, R>,
    context: Context.Context<R>,
    key?: unknown,
    submitter: AsyncResource = captureAsync(),
    slot?: Slot
  ) {
    super()
    this.#workers = workers
    this.#effect = effect
    this.context = context
    this.key = key
    this.#submitter = submitter
    this.#slot = slot
  }

  get slot(): Slot {
    return (this.#slot ??= new Slot(this.#workers, this.#workers.parent))
  }

  get greenlet(): Greenlet.Greenlet {
    return this.slot
  }

  /** Joined from a task of the same pool it may run in the joiner's slot, which may be the last. */
  override get exit(): Effect.Effect<Exit.Exit<A, E | TaskDropped>> {
    return Effect.suspend(() => {
      const end = super.exit
      const slot = this.waits ? this.#workers.slotOf(Greenlet.currentUnsafe()) : undefined
      if (slot === undefined) return end
      return inTurn(slot, { take: () => (this.#workers.takeOut(this, slot) ? this : undefined) }, end)
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
    Greenlet.enterFromUnsafe(submitter, this.slot, Task.#fork, this)
  }

  drop(why: "interrupted" | "outrun"): void {
    this.#effect = undefined
    this.#submitter = undefined
    this.#end(why === "outrun" ? Exit.fail(new TaskDropped()) : Exit.interrupt())
  }

  interruptUnsafe(): void {
    if (this.#effect !== undefined) {
      this.#workers.remove(this)
      this.drop("interrupted")
    } else if (typeof this.#fiber === "object") this.#fiber.interruptUnsafe()
    else this.#fiber = "to be interrupted"
  }

  static readonly #fork = <A, E, R>(task: Task<A, E, R>): void => {
    if (task.#effect === undefined) return
    const effect = task.#effect
    task.#effect = undefined
    const fiber = Effect.runForkWith(task.context)(effect)
    if (task.#fiber === "to be interrupted") fiber.interruptUnsafe()
    task.#fiber = fiber
    fiber.addObserver((exit) => {
      task.slot.ended = true
      task.slot.leave()
      task.#end(exit)
      task.#workers.advance()
    })
  }

  #end(exit: Exit.Exit<A, E | TaskDropped>): void {
    ended.push(() => this.completeUnsafe(exit))
    if (ended.length > 1) return
    for (let first = 0; first < ended.length; first++) ended[first]?.()
    ended.length = 0
  }
}

/** The asynchronous context of the caller. */
export const captureAsync = (): AsyncResource => new AsyncResource("GreenPool")

/** Who has ended, and is to tell who has joined it: from a flat queue, since a joiner may end by that, and so on. */
const ended: Array<() => void> = []

/** Performs the effect, and lets a job run in the slot meanwhile. */
export const inTurn = <A, E, R>(slot: Slot, turn: Turn, effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.uninterruptibleMask((restore) => {
    slot.wait(turn)
    return Effect.ensuring(
      restore(effect),
      Effect.sync(() => slot.withdraw(turn))
    )
  })
