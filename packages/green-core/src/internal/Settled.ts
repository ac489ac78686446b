/**
 * The waiters of an epoll set whose outcome is known, and who are to be resumed with it, in this order. A flat queue: who
 * is resumed may wait, withdraw and close again in the middle of it.
 */
import type { Outcome, Waiter } from "./Registration.ts"

export class Settled {
  #first: Waiter | undefined
  #last: Waiter | undefined
  #resuming = false

  /** Puts one in that is in no list any more. */
  add(waiter: Waiter, outcome: Outcome): void {
    waiter.outcome = outcome
    if (this.#last === undefined) this.#first = waiter
    else this.#last.next = waiter
    this.#last = waiter
  }

  /**
   * Resumes all of them, unless that is going on already. What a continuation throws goes to whoever called; the others
   * are resumed in the next turn.
   */
  resume(): void {
    if (this.#resuming || this.#first === undefined) return
    this.#resuming = true
    try {
      let waiter: Waiter | undefined
      while ((waiter = this.#take()) !== undefined) {
        if (waiter.over || waiter.outcome === undefined) continue
        waiter.over = true
        waiter.resume(waiter.outcome)
      }
    } finally {
      this.#resuming = false
      if (this.#first !== undefined) setImmediate(() => this.resume())
    }
  }

  #take(): Waiter | undefined {
    const waiter = this.#first
    if (waiter === undefined) return undefined
    this.#first = waiter.next
    if (waiter.next === undefined) this.#last = undefined
    else waiter.next = undefined
    return waiter
  }
}
