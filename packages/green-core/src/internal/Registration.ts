/**
 * What an epoll set knows of one number, for as long as it means the same open file: what the kernel was told of it, and
 * who waits for it. `EpollSet` keeps one for each number, and says when it changes.
 */
import type * as Exit from "effect/Exit"
import type * as Fd from "../Fd.ts"
import type * as Handler from "../Handler.ts"
import { READ, WRITE } from "./readiness.ts"

export type Outcome = Exit.Exit<Fd.Readiness, Fd.FdError>

/**
 * A waiter is in the list of its registration until it is settled; then its outcome waits for delivery.
 *
 * A class and not a literal: where most objects of a literal live long, as with thousands of idle waiters, V8 makes all
 * of them in the old generation, and there the short-lived ones keep everything alive that they refer to.
 */
export class Waiter {
  readonly registration: Registration
  readonly interest: number
  readonly exclusive: boolean
  readonly resume: Handler.Resume<Fd.Readiness, Fd.FdError>
  previous: Waiter | undefined
  next: Waiter | undefined
  outcome: Outcome | undefined
  over = false

  constructor(
    registration: Registration,
    interest: number,
    exclusive: boolean,
    resume: Handler.Resume<Fd.Readiness, Fd.FdError>
  ) {
    this.registration = registration
    this.interest = interest
    this.exclusive = exclusive
    this.resume = resume
  }
}

export class Registration {
  readonly fd: number
  readonly generation: number
  /** Whether the kernel knows it: MOD, else ADD. */
  known = false
  armed = false
  readers = 0
  writers = 0
  #exclusive = 0
  first: Waiter | undefined
  #last: Waiter | undefined

  constructor(fd: number, generation: number) {
    this.fd = fd
    this.generation = generation
  }

  /** The directions that somebody waits for. */
  get interest(): number {
    return (this.readers > 0 ? READ : 0) | (this.writers > 0 ? WRITE : 0)
  }

  enlist(waiter: Waiter): void {
    const last = this.#last
    if (last === undefined) this.first = waiter
    else {
      last.next = waiter
      waiter.previous = last
    }
    this.#last = waiter
    this.#count(waiter, 1)
  }

  delist(waiter: Waiter): void {
    const { previous, next } = waiter
    if (previous === undefined) this.first = next
    else previous.next = next
    if (next === undefined) this.#last = previous
    else next.previous = previous
    waiter.previous = undefined
    waiter.next = undefined
    this.#count(waiter, -1)
  }

  /** Whether somebody waits who cannot wait together with this one: one of them wants to be alone. */
  hasRival(interest: number, exclusive: boolean): boolean {
    if (!exclusive && this.#exclusive === 0) return false
    for (let waiter = this.first; waiter !== undefined; waiter = waiter.next) {
      if ((waiter.interest & interest) !== 0 && (exclusive || waiter.exclusive)) return true
    }
    return false
  }

  #count({ interest, exclusive }: Waiter, by: 1 | -1): void {
    if ((interest & READ) !== 0) this.readers += by
    if ((interest & WRITE) !== 0) this.writers += by
    if (exclusive) this.#exclusive += by
  }
}
