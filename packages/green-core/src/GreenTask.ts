/**
 * Green tasks: the handle of work that runs in a greenlet of its own.
 *
 * `runInGreenlet`, `greenTask` and pools give one; this module is what they share. A task knows how it ended and who
 * asked; what runs it, and when, is its maker's matter.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Effectable from "effect/Effectable"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import { UnhandledLogLevel } from "effect/References"
import type { Greenlet } from "./Greenlet.ts"
import * as Identity from "./GreenletIdentity.ts"

/**
 * The handle of a task. It is an Effect: `yield* task` joins it, with its value and its typed error; interrupting the
 * joiner leaves the task alone. Not a promise and not thenable, since a thenable is unwrapped by every promise that
 * carries it: `task.promise` is one.
 *
 * A failure that nobody has joined, awaited or asked for one turn of the event loop after the end is logged once, at
 * `References.UnhandledLogLevel`. An interruption is no failure.
 *
 * @category models
 * @since 0.1.0
 */
export interface GreenTask<out A, out E = never> extends Effect.Effect<A, E> {
  readonly _tag: "GreenTask"
  readonly greenlet: Greenlet
  /** Waits for the end, however it comes. */
  readonly exit: Effect.Effect<Exit.Exit<A, E>>
  /** How it ended, or `undefined` while it has not. */
  poll(): Exit.Exit<A, E> | undefined
  /**
   * A promise of the value, made at the first use; it rejects with the squashed cause, as `Effect.runPromise`. Whoever
   * takes it answers for its rejection.
   */
  readonly promise: Promise<A>
  /** Interrupts the task and waits until it has ended. Harmless when it has. */
  readonly interrupt: Effect.Effect<void>
}

/**
 * Runs an effect that needs an `R`, and may fail to: `Effect.runForkWith(context)`, or `runtime.runFork` of a
 * `ManagedRuntime`.
 *
 * @category models
 * @since 0.1.0
 */
export type RunFork<in R = never, out ER = never> = <A, E>(effect: Effect.Effect<A, E, R>) => Fiber.Fiber<A, E | ER>

/**
 * Starts an effect in a new greenlet, at once, by the given `runFork`. The caller need not be a fiber; the greenlet
 * that is running is the parent.
 *
 * @category constructors
 * @since 0.1.0
 */
export const startUnsafe = <A, E, R, ER = never>(
  effect: Effect.Effect<A, E, R>,
  runFork: RunFork<R, ER>
): GreenTask<A, E | ER> => {
  const task = new Started<A, E | ER>(new Identity.Identity(Identity.current()))
  task.start(effect, runFork)
  return task
}

/**
 * Starts an effect in a new greenlet, at once, with the context of the caller. It lives until it ends or is
 * interrupted, also beyond the caller.
 *
 * @category constructors
 * @since 0.1.0
 */
export const start = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<GreenTask<A, E>, never, R> =>
  Effect.map(Effect.context<R>(), (context) => startUnsafe(effect, Effect.runForkWith(context)))

/**
 * Whether a value is a green task.
 *
 * @category guards
 * @since 0.1.0
 */
export const isGreenTask = (value: unknown): value is GreenTask<unknown, unknown> => value instanceof Class

/**
 * Performs an effect in a new greenlet and joins it. Interrupting the caller interrupts it, and waits for its end.
 *
 * @category operations
 * @since 0.1.0
 */
export const run = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.flatMap(start(effect), (task) => Effect.onInterrupt(restore(task), () => task.interrupt))
  )

/**
 * What every task is, to be extended by those who run work in their own way, as a pool does: they know the greenlet, how
 * it is asked to end, and the context whose loggers tell of a failure that nobody asked for; and they complete it.
 *
 * @category constructors
 * @since 0.1.0
 */
export abstract class Class<A, E = never> extends Effectable.Class<A, E> implements GreenTask<A, E> {
  abstract readonly greenlet: Greenlet
  /** How it ended; until then, who waits for that. */
  #end: Exit.Exit<A, E> | Set<(exit: Exit.Exit<A, E>) => void> | undefined
  /** Whether somebody has asked how it ended, or the promise that he got. */
  #asked: boolean | Promise<A> = false

  /** The context that the task runs with. */
  protected abstract readonly context: Context.Context<never>

  /** Asks the work to end, which it does by completing. Called only while it has not. */
  protected abstract interruptUnsafe(): void

  /** Ends the task and resumes who has joined it. Counts once. */
  protected completeUnsafe(exit: Exit.Exit<A, E>): void {
    const observers = this.#end
    if (observers !== undefined && !(observers instanceof Set)) return
    this.#end = exit
    observers?.forEach((observer) => observer(exit))
    if (Exit.isFailure(exit) && this.#asked === false && !Cause.hasInterruptsOnly(exit.cause)) {
      Class.#report(this, exit.cause)
    }
  }

  get _tag(): "GreenTask" {
    return "GreenTask"
  }

  override asEffect(): Effect.Effect<A, E> {
    this.#asked ||= true
    return Class.#exit(this) ?? Effect.flatten(this.exit)
  }

  get exit(): Effect.Effect<Exit.Exit<A, E>> {
    return Effect.callback((resume) => {
      const withdraw = Class.#observe(this, (exit) => resume(Effect.succeed(exit)))
      return Effect.sync(withdraw)
    })
  }

  poll(): Exit.Exit<A, E> | undefined {
    this.#asked ||= true
    return Class.#exit(this)
  }

  get promise(): Promise<A> {
    if (typeof this.#asked === "object") return this.#asked
    return (this.#asked = new Promise((resolve, reject) => {
      Class.#observe(this, (exit) => (Exit.isSuccess(exit) ? resolve(exit.value) : reject(Cause.squash(exit.cause))))
    }))
  }

  get interrupt(): Effect.Effect<void> {
    return Effect.suspend(() => {
      if (Class.#exit(this) === undefined) this.interruptUnsafe()
      return Effect.asVoid(this.exit)
    })
  }

  // Static: private methods cost each task a field.
  static #exit<A, E>(task: Class<A, E>): Exit.Exit<A, E> | undefined {
    return task.#end instanceof Set ? undefined : task.#end
  }

  static #observe<A, E>(task: Class<A, E>, observer: (exit: Exit.Exit<A, E>) => void): () => void {
    task.#asked ||= true
    const observers = (task.#end ??= new Set())
    if (observers instanceof Set) {
      observers.add(observer)
      return () => observers.delete(observer)
    }
    observer(observers)
    return () => {}
  }

  static #report<A, E>(task: Class<A, E>, cause: Cause.Cause<E>): void {
    const report = Effect.withFiber((fiber) => {
      const level = fiber.getRef(UnhandledLogLevel)
      return task.#asked !== false || level === undefined
        ? Effect.void
        : Effect.logWithLevel(level)("a green task failed, and nobody joined it", cause)
    })
    setImmediate(() => Effect.runForkWith(task.context)(report))
  }
}

/** A task that a fiber of its own runs, from the beginning. */
class Started<A, E> extends Class<A, E> {
  readonly greenlet: Identity.Identity
  #fiber: Fiber.Fiber<A, E> | undefined
  protected context: Context.Context<never> = Context.empty()

  constructor(greenlet: Identity.Identity) {
    super()
    this.greenlet = greenlet
  }

  start<E1 extends E, ER extends E, R>(effect: Effect.Effect<A, E1, R>, runFork: RunFork<R, ER>): void {
    const program = Effect.withFiber<A, E1, R>((running) => {
      this.context = running.context
      return effect
    })
    const fiber: Fiber.Fiber<A, E> = Identity.enter(this.greenlet, () => runFork(program))
    this.#fiber = fiber
    fiber.addObserver((exit) => {
      this.greenlet.ended = true
      this.completeUnsafe(exit)
    })
  }

  protected interruptUnsafe(): void {
    this.#fiber?.interruptUnsafe()
  }
}
