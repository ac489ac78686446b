/**
 * One epoll set and who waits in it: registers, withdraws, and delivers what the kernel reports.
 *
 * Every registration is one-shot: after an event the kernel says nothing more about a descriptor until it is armed
 * again, so a stale registration cannot spin. An event carries the number and the generation of its record; a number
 * that was closed and reused gets a new generation, and events of the old one are dropped.
 *
 * Who watches the set is not known here: the event loop watches its descriptor, a blocked thread calls `deliver` with
 * a time-out.
 */
import * as Exit from "effect/Exit"
import * as Fd from "../Fd.ts"
import * as Handler from "../Handler.ts"
import type { WaitFdRequest, WaitFdStatistics } from "../WaitFdHandler.ts"
import * as Sys from "./libc.ts"
import { directionsOf, eventsFor, READ, readiness, readyBy, WRITE } from "./readiness.ts"

/** The largest number of events taken in one call. */
const most = 256

type Outcome = Exit.Exit<Fd.Readiness, Fd.FdError>

/**
 * A waiter is in the list of its record until it is settled; then its outcome waits for delivery.
 *
 * A class and not a literal: where most objects of a literal live long, as with thousands of idle waiters, V8 makes all
 * of them in the old generation, and there the short-lived ones keep everything alive that they refer to.
 */
class Waiter {
  readonly record: Registration
  readonly interest: number
  readonly exclusive: boolean
  readonly resume: Handler.Resume<Fd.Readiness, Fd.FdError>
  previous: Waiter | undefined
  next: Waiter | undefined
  outcome: Outcome | undefined
  over = false

  constructor(
    record: Registration,
    interest: number,
    exclusive: boolean,
    resume: Handler.Resume<Fd.Readiness, Fd.FdError>
  ) {
    this.record = record
    this.interest = interest
    this.exclusive = exclusive
    this.resume = resume
  }
}

/** What the set knows of one number, for as long as it means the same open file. */
interface Registration {
  readonly fd: number
  readonly generation: number
  /** Whether the kernel knows it: MOD, else ADD. */
  known: boolean
  armed: boolean
  readers: number
  writers: number
  exclusive: number
  first: Waiter | undefined
  last: Waiter | undefined
}

export class EpollSet {
  readonly fd: number
  readonly #libc: Sys.Libc
  readonly #waitedChanged: () => void
  readonly #event = new Uint32Array(Sys.eventWords)
  readonly #events = new Uint32Array(Sys.eventWords * most)
  readonly #registrations = new Map<number, Registration>()
  #generation = 0
  #readers = 0
  #writers = 0
  #descriptors = 0
  #firstSettled: Waiter | undefined
  #lastSettled: Waiter | undefined
  #delivering = false

  /** `fd` is the descriptor of the set. `waitedChanged` is called when `waited` changes. */
  constructor(libc: Sys.Libc, fd: number, waitedChanged: () => void = () => {}) {
    this.#libc = libc
    this.fd = fd
    this.#waitedChanged = waitedChanged
  }

  /** Whether anybody waits. */
  get waited(): boolean {
    return this.#descriptors > 0
  }

  get statistics(): WaitFdStatistics {
    return { readers: this.#readers, writers: this.#writers, descriptors: this.#descriptors }
  }

  readonly register = (request: WaitFdRequest, resume: Handler.Resume<Fd.Readiness, Fd.FdError>): Handler.Withdraw => {
    const { fd, exclusive } = request
    const interest = directionsOf(request.interest)
    let record = this.#registrations.get(fd) ?? this.#remember(fd)
    let errno = this.#arm(record, wanted(record) | interest)
    if (errno === Sys.ENOENT) {
      // The number was closed and means another file now: those who wait for the old one can never wake.
      this.#forget(record, Exit.fail(Fd.badDescriptor(fd, "wait")))
      record = this.#remember(fd)
      errno = this.#arm(record, interest)
    }
    // Not before: a rival may be one who waits for the old file.
    if (errno === 0 && (exclusive || record.exclusive > 0) && rival(record, interest, exclusive)) {
      resume(
        Exit.fail(Fd.busy(fd, "wait", "somebody waits for it in this direction, and one of you asked to be alone"))
      )
      return Handler.nothingToWithdraw
    }
    if (errno !== 0) {
      const outcome = errno === Sys.EPERM ? readiness(interest, interest) : Exit.fail(Fd.system(fd, "wait", errno))
      this.#forget(record, outcome)
      this.#resumeSettled()
      resume(outcome)
      return Handler.nothingToWithdraw
    }
    const waiter = new Waiter(record, interest, exclusive, resume)
    this.#enlist(waiter)
    this.#resumeSettled()
    return () => this.#withdraw(waiter)
  }

  /** Takes what the kernel has, waiting for it at most so long, and resumes who is concerned: how many events. */
  deliver(milliseconds: number): number {
    this.#resumeSettled()
    const { epollWait, errno } = this.#libc
    const events = this.#events
    const count = epollWait(this.fd, events, most, milliseconds)
    if (count < 0) {
      if (errno() !== Sys.EINTR) this.fail(Fd.system(undefined, "epoll_wait", errno()).reason)
      return 0
    }
    for (let event = 0; event < count; event++) {
      const word = event * Sys.eventWords
      const flags = events[word] ?? 0
      const record = this.#registrations.get(events[word + Sys.dataWord] ?? 0)
      if (record !== undefined && record.generation === events[word + Sys.dataWord + 1]) this.#report(record, flags)
    }
    this.#resumeSettled()
    return count
  }

  /** Settles everybody who waits for the descriptor with `Closing`. */
  notifyClosing(fd: number): void {
    const record = this.#registrations.get(fd)
    if (record === undefined) return
    this.#control(Sys.EPOLL_CTL_DEL, record, 0)
    this.#forget(record, Exit.fail(Fd.closing(fd, "wait")))
    this.#resumeSettled()
  }

  /** Closes the set. Nobody may wait in it any more. */
  close(): void {
    this.#libc.close(this.fd)
  }

  #report(record: Registration, flags: number): void {
    record.armed = false
    const ready = readyBy(flags)
    let waiter = record.first
    while (waiter !== undefined) {
      const next = waiter.next
      if ((waiter.interest & ready) !== 0) this.#settle(waiter, readiness(waiter.interest, ready, flags))
      waiter = next
    }
    if (record.first === undefined) return
    const errno = this.#arm(record, wanted(record))
    if (errno !== 0)
      this.#forget(record, Exit.fail(Fd.system(record.fd, "wait", errno === Sys.ENOENT ? Sys.EBADF : errno)))
  }

  /** Asks the kernel for one event about the descriptor; answers an errno, 0 when done. */
  #arm(record: Registration, interest: number): number {
    let errno = this.#control(record.known ? Sys.EPOLL_CTL_MOD : Sys.EPOLL_CTL_ADD, record, interest)
    if (errno === Sys.EEXIST) errno = this.#control(Sys.EPOLL_CTL_MOD, record, interest)
    if (errno !== 0) return errno
    record.known = true
    record.armed = true
    return 0
  }

  #control(operation: number, record: Registration, interest: number): number {
    const event = this.#event
    event[0] = Sys.EPOLLONESHOT | eventsFor(interest)
    event[Sys.dataWord] = record.fd
    event[Sys.dataWord + 1] = record.generation
    return this.#libc.epollControl(this.fd, operation, record.fd, event) === 0 ? 0 : this.#libc.errno()
  }

  #remember(fd: number): Registration {
    this.#generation = (this.#generation + 1) >>> 0
    const record: Registration = {
      fd,
      generation: this.#generation,
      known: false,
      armed: false,
      readers: 0,
      writers: 0,
      exclusive: 0,
      first: undefined,
      last: undefined
    }
    this.#registrations.set(fd, record)
    return record
  }

  /** Drops what is known of a number, and settles everybody who still waits for it. */
  #forget(record: Registration, outcome: Outcome): void {
    if (this.#registrations.get(record.fd) === record) this.#registrations.delete(record.fd)
    let waiter = record.first
    while (waiter !== undefined) {
      const next = waiter.next
      this.#settle(waiter, outcome)
      waiter = next
    }
  }

  #withdraw(waiter: Waiter): void {
    if (waiter.over) return
    waiter.over = true
    if (waiter.outcome !== undefined) return
    const { record } = waiter
    this.#delist(waiter)
    if (record.first !== undefined || !record.armed) return
    record.armed = false
    // An empty interest silences it. A number that means nothing, or another file, by now needs no silencing.
    if (this.#control(Sys.EPOLL_CTL_MOD, record, 0) !== 0) this.#registrations.delete(record.fd)
  }

  /** Fails everybody who waits: nothing is heard of the set any more, or somebody closed its descriptor. */
  fail(reason: Fd.FdErrorReason): void {
    for (const record of [...this.#registrations.values()]) {
      this.#forget(record, Exit.fail(new Fd.FdError({ fd: record.fd, operation: "wait", reason })))
    }
    this.#resumeSettled()
  }

  #settle(waiter: Waiter, outcome: Outcome): void {
    this.#delist(waiter)
    waiter.outcome = outcome
    if (this.#lastSettled === undefined) this.#firstSettled = waiter
    else this.#lastSettled.next = waiter
    this.#lastSettled = waiter
  }

  /**
   * Resumes the settled, from a flat queue: who is resumed may wait, withdraw and close again in the middle of it. What
   * a continuation throws goes to whoever called; the others are resumed in the next turn.
   */
  #resumeSettled(): void {
    if (this.#delivering || this.#firstSettled === undefined) return
    this.#delivering = true
    try {
      let waiter: Waiter | undefined
      while ((waiter = this.#nextSettled()) !== undefined) {
        if (waiter.over || waiter.outcome === undefined) continue
        waiter.over = true
        waiter.resume(waiter.outcome)
      }
    } finally {
      this.#delivering = false
      if (this.#firstSettled !== undefined) setImmediate(() => this.#resumeSettled())
    }
  }

  #nextSettled(): Waiter | undefined {
    const waiter = this.#firstSettled
    if (waiter === undefined) return undefined
    this.#firstSettled = waiter.next
    if (waiter.next === undefined) this.#lastSettled = undefined
    else waiter.next = undefined
    return waiter
  }

  #enlist(waiter: Waiter): void {
    const { record, interest } = waiter
    if (record.last === undefined) {
      record.first = waiter
      if (++this.#descriptors === 1) this.#waitedChanged()
    } else {
      record.last.next = waiter
      waiter.previous = record.last
    }
    record.last = waiter
    this.#count(record, interest, waiter.exclusive, 1)
  }

  #delist(waiter: Waiter): void {
    const { record, previous, next } = waiter
    if (previous === undefined) record.first = next
    else previous.next = next
    if (next === undefined) record.last = previous
    else next.previous = previous
    waiter.previous = undefined
    waiter.next = undefined
    this.#count(record, waiter.interest, waiter.exclusive, -1)
    if (record.first === undefined && --this.#descriptors === 0) this.#waitedChanged()
  }

  #count(record: Registration, interest: number, exclusive: boolean, by: 1 | -1): void {
    if ((interest & READ) !== 0) {
      record.readers += by
      this.#readers += by
    }
    if ((interest & WRITE) !== 0) {
      record.writers += by
      this.#writers += by
    }
    if (exclusive) record.exclusive += by
  }
}

const wanted = (record: Registration): number => (record.readers > 0 ? READ : 0) | (record.writers > 0 ? WRITE : 0)

const rival = (record: Registration, interest: number, exclusive: boolean): boolean => {
  for (let waiter = record.first; waiter !== undefined; waiter = waiter.next) {
    if ((waiter.interest & interest) !== 0 && (exclusive || waiter.exclusive)) return true
  }
  return false
}
