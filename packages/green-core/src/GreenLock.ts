/**
 * A lock between branches of the program: strictly first come, first served.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"

/**
 * The failure of `withLock`: `AlreadyHeld` when it is taken again inside of its own body, which would wait for itself.
 *
 * @category errors
 * @since 0.1.0
 */
export class LockError extends Data.TaggedError("LockError")<{ readonly reason: { readonly _tag: "AlreadyHeld" } }> {
  override get message(): string {
    return "withLock: this lock is already held by the body that asks for it, which would wait for itself for ever"
  }
}

/**
 * A lock. Who holds it is the body of one `withLock`, not a greenlet or a fiber: two branches of one greenlet exclude
 * each other, and a time-out, which runs in a fiber of its own, works. There is no acquire and release to get wrong.
 *
 * @category models
 * @since 0.1.0
 */
export interface GreenLock {
  /**
   * Waits for the lock, performs the effect, and hands the lock to who has waited longest, with no moment in between
   * in which it is free. The lock is handed on however the effect ends.
   *
   * Interruption, a time-out among it, takes a waiter out of the queue; the others are not disturbed. Inside of its own
   * body, in every fiber forked there too, it fails `AlreadyHeld` at once, for as long as the body runs.
   */
  readonly withLock: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E | LockError, R>
  /** Whether somebody holds it. */
  readonly locked: boolean
}

/**
 * Makes a lock.
 *
 * @example
 * ```ts
 * import * as Effect from "effect/Effect"
 * import { GreenLock } from "green-core"
 *
 * const program = Effect.gen(function*() {
 *   const lock = yield* GreenLock.make
 *   return yield* lock.withLock(Effect.succeed(lock.locked))
 * })
 *
 * console.log(await Effect.runPromise(program))
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const make: Effect.Effect<GreenLock> = Effect.sync(() => new Lock())

/** One turn of holding a lock. The body carries it, so it knows that it holds. */
interface Hold {
  readonly lock: Lock
  over: boolean
  /** Resumes who waits for this turn. */
  grant: () => void
}

const Holds = Context.Reference<ReadonlyArray<Hold>>("green-core/GreenLock/Holds", { defaultValue: () => [] })

class Lock implements GreenLock {
  #holder: Hold | undefined
  readonly #queue = new Set<Hold>()

  get locked(): boolean {
    return this.#holder !== undefined
  }

  withLock<A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E | LockError, R> {
    return Effect.withFiber<A, E | LockError, R>((fiber) => {
      const holds = fiber.getRef(Holds)
      if (holds.some((hold) => hold.lock === this && !hold.over)) {
        return Effect.fail(new LockError({ reason: { _tag: "AlreadyHeld" } }))
      }
      const hold: Hold = { lock: this, over: false, grant: () => {} }
      return Effect.uninterruptibleMask((restore) =>
        Effect.flatMap(this.#take(hold) ? Effect.void : restore(this.#wait(hold)), () =>
          Effect.onExit(
            restore(Effect.provideService(effect, Holds, [...holds.filter((hold) => !hold.over), hold])),
            () => Effect.sync(() => this.#handOn(hold))
          )
        )
      )
    })
  }

  /** Takes the lock if it is free. Not interruptible: a lock that was taken must reach the body that hands it on. */
  #take(hold: Hold): boolean {
    if (this.#holder !== undefined) return false
    this.#holder = hold
    return true
  }

  #wait(hold: Hold): Effect.Effect<void> {
    return Effect.withFiber((fiber) =>
      Effect.callback<void>((resume) => {
        // In a turn of its own: a thousand bodies that end at once must not run inside of each other.
        hold.grant = () => fiber.currentDispatcher.scheduleTask(() => resume(Effect.void), 0)
        this.#queue.add(hold)
        return Effect.sync(() => {
          // Interrupted between the grant and the resumption: the turn is the next one's.
          if (!this.#queue.delete(hold)) this.#handOn(hold)
        })
      })
    )
  }

  #handOn(hold: Hold): void {
    hold.over = true
    const next = this.#queue.values().next()
    this.#holder = next.done === true ? undefined : next.value
    if (this.#holder === undefined) return
    this.#queue.delete(this.#holder)
    this.#holder.grant()
  }
}
