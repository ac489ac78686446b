/**
 * One epoll set and who waits in it: registers, withdraws, and delivers what the kernel reports.
 *
 * Every registration is one-shot: after an event the kernel says nothing more about a descriptor until it is armed
 * again, so a stale registration cannot spin. An event carries the number and the generation of its registration; a
 * number that was closed and reused gets a new generation, and events of the old one are dropped.
 *
 * Who watches the set is not known here: the event loop watches its descriptor, a blocked thread calls `deliver` with
 * a time-out.
 */
import * as Exit from "effect/Exit"
import * as Fd from "../Fd.ts"
import * as Handler from "../Handler.ts"
import type { WaitFdRequest, WaitFdStatistics } from "../WaitFdHandler.ts"
import * as Sys from "./libc.ts"
import { directionsOf, eventsFor, readiness, readyBy } from "./readiness.ts"
import { type Outcome, Registration, Waiter } from "./Registration.ts"
import { Settled } from "./Settled.ts"

/** The largest number of events taken in one call. */
const most = 256

export class EpollSet {
  readonly fd: number
  readonly #libc: Sys.Libc
  readonly #waitedChanged: () => void
  readonly #event = new Uint32Array(Sys.eventWords)
  readonly #events = new Uint32Array(Sys.eventWords * most)
  readonly #registrations = new Map<number, Registration>()
  readonly #settled = new Settled()
  #generation = 0
  /** How many of them somebody waits for. */
  #waited = 0

  /** `fd` is the descriptor of the set. `waitedChanged` is called when `waited` changes. */
  constructor(libc: Sys.Libc, fd: number, waitedChanged: () => void = () => {}) {
    this.#libc = libc
    this.fd = fd
    this.#waitedChanged = waitedChanged
  }

  /** Whether anybody waits. */
  get waited(): boolean {
    return this.#waited > 0
  }

  get statistics(): WaitFdStatistics {
    const statistics = { readers: 0, writers: 0, descriptors: this.#waited }
    for (const { readers, writers } of this.#registrations.values()) {
      statistics.readers += readers
      statistics.writers += writers
    }
    return statistics
  }

  readonly register = (request: WaitFdRequest, resume: Handler.Resume<Fd.Readiness, Fd.FdError>): Handler.Withdraw => {
    const { fd, exclusive } = request
    const interest = directionsOf(request.interest)
    let registration = this.#registrations.get(fd) ?? this.#remember(fd)
    let errno = this.#arm(registration, registration.interest | interest)
    if (errno === Sys.ENOENT) {
      // The number was closed and means another file now: those who wait for the old one can never wake.
      this.#forget(registration, Exit.fail(Fd.badDescriptor(fd, "wait")))
      registration = this.#remember(fd)
      errno = this.#arm(registration, interest)
    }
    // Not before: a rival may be one who waits for the old file.
    if (errno === 0 && registration.hasRival(interest, exclusive)) {
      resume(
        Exit.fail(Fd.busy(fd, "wait", "somebody waits for it in this direction, and one of you asked to be alone"))
      )
      return Handler.nothingToWithdraw
    }
    if (errno !== 0) {
      const outcome = errno === Sys.EPERM ? readiness(interest, interest) : Exit.fail(Fd.system(fd, "wait", errno))
      this.#forget(registration, outcome)
      this.#settled.resume()
      resume(outcome)
      return Handler.nothingToWithdraw
    }
    const waiter = new Waiter(registration, interest, exclusive, resume)
    if (registration.first === undefined && ++this.#waited === 1) this.#waitedChanged()
    registration.enlist(waiter)
    this.#settled.resume()
    return () => this.#withdraw(waiter)
  }

  /** Takes what the kernel has, waiting for it at most so long, and resumes who is concerned: how many events. */
  deliver(milliseconds: number): number {
    this.#settled.resume()
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
      const registration = this.#registrations.get(events[word + Sys.dataWord] ?? 0)
      if (registration !== undefined && registration.generation === events[word + Sys.dataWord + 1])
        this.#report(registration, flags)
    }
    this.#settled.resume()
    return count
  }

  /** Settles everybody who waits for the descriptor with `Closing`. */
  notifyClosing(fd: number): void {
    const registration = this.#registrations.get(fd)
    if (registration === undefined) return
    this.#control(Sys.EPOLL_CTL_DEL, registration, 0)
    this.#forget(registration, Exit.fail(Fd.closing(fd, "wait")))
    this.#settled.resume()
  }

  /** Fails everybody who waits: nothing is heard of the set any more, or somebody closed its descriptor. */
  fail(reason: Fd.FdErrorReason): void {
    for (const registration of [...this.#registrations.values()]) {
      this.#forget(registration, Exit.fail(new Fd.FdError({ fd: registration.fd, operation: "wait", reason })))
    }
    this.#settled.resume()
  }

  #report(registration: Registration, flags: number): void {
    registration.armed = false
    const ready = readyBy(flags)
    let waiter = registration.first
    while (waiter !== undefined) {
      const next = waiter.next
      if ((waiter.interest & ready) !== 0) this.#settle(waiter, readiness(waiter.interest, ready, flags))
      waiter = next
    }
    if (registration.first === undefined) return
    const errno = this.#arm(registration, registration.interest)
    if (errno !== 0)
      this.#forget(
        registration,
        Exit.fail(Fd.system(registration.fd, "wait", errno === Sys.ENOENT ? Sys.EBADF : errno))
      )
  }

  #withdraw(waiter: Waiter): void {
    if (waiter.over) return
    waiter.over = true
    if (waiter.outcome !== undefined) return
    const { registration } = waiter
    this.#delist(waiter)
    if (registration.first !== undefined || !registration.armed) return
    registration.armed = false
    // An empty interest silences it. A number that means nothing, or another file, by now needs no silencing.
    if (this.#control(Sys.EPOLL_CTL_MOD, registration, 0) !== 0) this.#registrations.delete(registration.fd)
  }

  /** Asks the kernel for one event about the descriptor; answers an errno, 0 when done. */
  #arm(registration: Registration, interest: number): number {
    let errno = this.#control(registration.known ? Sys.EPOLL_CTL_MOD : Sys.EPOLL_CTL_ADD, registration, interest)
    if (errno === Sys.EEXIST) errno = this.#control(Sys.EPOLL_CTL_MOD, registration, interest)
    if (errno !== 0) return errno
    registration.known = true
    registration.armed = true
    return 0
  }

  #control(operation: number, { fd, generation }: Registration, interest: number): number {
    const event = this.#event
    event[0] = Sys.EPOLLONESHOT | eventsFor(interest)
    event[Sys.dataWord] = fd
    event[Sys.dataWord + 1] = generation
    return this.#libc.epollControl(this.fd, operation, fd, event) === 0 ? 0 : this.#libc.errno()
  }

  #remember(fd: number): Registration {
    this.#generation = (this.#generation + 1) >>> 0
    const registration = new Registration(fd, this.#generation)
    this.#registrations.set(fd, registration)
    return registration
  }

  /** Drops what is known of a number, and settles everybody who still waits for it. */
  #forget(registration: Registration, outcome: Outcome): void {
    if (this.#registrations.get(registration.fd) === registration) this.#registrations.delete(registration.fd)
    let waiter = registration.first
    while (waiter !== undefined) {
      const next = waiter.next
      this.#settle(waiter, outcome)
      waiter = next
    }
  }

  #settle(waiter: Waiter, outcome: Outcome): void {
    this.#delist(waiter)
    this.#settled.add(waiter, outcome)
  }

  #delist(waiter: Waiter): void {
    const { registration } = waiter
    registration.delist(waiter)
    if (registration.first === undefined && --this.#waited === 0) this.#waitedChanged()
  }
}
