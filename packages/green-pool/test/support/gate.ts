/**
 * Tasks that run until they are told to end.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"

export interface Gate<A, E> {
  /** Waits until the gate is opened. */
  readonly task: Effect.Effect<A, E>
  readonly open: (exit: Exit.Exit<A, E>) => void
}

export const makeGate = <A = void, E = never>(): Gate<A, E> => {
  const deferred = Deferred.makeUnsafe<A, E>()
  return {
    task: Deferred.await(deferred),
    open: (exit) => {
      Deferred.doneUnsafe(deferred, exit)
    }
  }
}

/** Ends when everything that was ready to run has had its turn, twice. */
export const turns: Effect.Effect<void> = Effect.promise(
  () => new Promise<void>((resolve) => setImmediate(() => setImmediate(resolve)))
)

/** How many run at the same time, and how many did at most. */
export class Meter {
  now = 0
  most = 0
  readonly order: Array<unknown> = []

  /** The effect, counted while it runs. */
  readonly counted = <A, E, R>(effect: Effect.Effect<A, E, R>, name?: unknown): Effect.Effect<A, E, R> =>
    Effect.suspend(() => {
      this.order.push(name)
      this.most = Math.max(this.most, ++this.now)
      return Effect.ensuring(
        effect,
        Effect.sync(() => {
          this.now--
        })
      )
    })
}
