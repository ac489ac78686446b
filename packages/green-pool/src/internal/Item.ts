/**
 * The task of one item of `imap`.
 */
import type * as Exit from "effect/Exit"
import type { TaskDropped } from "../PoolError.ts"
import { Task } from "./Task.ts"

/** A task whose maker is told of its end. */
export class Item<A, E, R> extends Task<A, E, R> {
  readonly #told: (exit: Exit.Exit<A, E | TaskDropped>, item: Item<A, E, R>) => void

  constructor(
    told: (exit: Exit.Exit<A, E | TaskDropped>, item: Item<A, E, R>) => void,
    ...task: ConstructorParameters<typeof Task<A, E, R>>
  ) {
    super(...task)
    this.#told = told
    // Its failure is the maker's matter.
    this.poll()
  }

  protected override completeUnsafe(exit: Exit.Exit<A, E | TaskDropped>): void {
    // First: who waits for the last one takes it that all are told.
    this.#told(exit, this)
    super.completeUnsafe(exit)
  }
}
