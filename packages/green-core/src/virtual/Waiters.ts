/**
 * Who waits for which virtual descriptor: registers, withdraws, wakes.
 *
 * As on the event loop, a waiter is never resumed within the call that made its descriptor ready, nor within its own;
 * only a mistake, and a file that is always ready, is answered at once.
 */
import * as Exit from "effect/Exit"
import type { SchedulerDispatcher } from "effect/Scheduler"
import * as Fd from "../Fd.ts"
import * as Handler from "../Handler.ts"
import type { WaitFdClause } from "../WaitFdHandler.ts"
import type { DescriptorTable } from "./DescriptorTable.ts"
import type { OpenFile } from "./OpenFile.ts"

type Outcome = Exit.Exit<Fd.Readiness, Fd.FdError>

interface Waiter extends Fd.Waiting {
  readonly file: OpenFile
  readonly turn: number
  readonly resume: Handler.Resume<Fd.Readiness, Fd.FdError>
  /** Set when it is settled; undefined again when it is withdrawn before its delivery. */
  outcome: Outcome | undefined
}

export class Waiters {
  readonly #table: DescriptorTable
  readonly #dispatcher: SchedulerDispatcher
  readonly #changed: () => void
  /** By number. Those who wait for a file that was closed stay under the number it had. */
  readonly #waiting = new Map<number, Set<Waiter>>()
  #turns = 0
  #settled: Array<Waiter> = []

  /** `changed` is called when somebody has come to wait, or ceased to. */
  constructor(table: DescriptorTable, dispatcher: SchedulerDispatcher, changed: () => void) {
    this.#table = table
    this.#dispatcher = dispatcher
    this.#changed = changed
  }

  /** Whether anybody waits. */
  get any(): boolean {
    return this.#waiting.size > 0
  }

  /** Who waits, in the order in which they came. */
  list(): ReadonlyArray<Fd.Waiting> {
    return this.#inOrder().map(({ fd, interest }) => ({ fd, interest }))
  }

  readonly register: WaitFdClause = ({ fd, interest }, resume) => {
    const file = this.#table.get(fd)
    this.#settleStale(fd, file)
    if (file === undefined) {
      resume(Exit.fail(Fd.badDescriptor(fd, "wait")))
      return Handler.nothingToWithdraw
    }
    const readiness = readinessFor(interest, file.poll())
    if (readiness !== undefined && file.alwaysReady) {
      resume(Exit.succeed(readiness))
      return Handler.nothingToWithdraw
    }
    const waiter: Waiter = { fd, interest, file, turn: this.#turns++, resume, outcome: undefined }
    if (readiness === undefined) {
      const waiters = this.#waiting.get(fd)
      if (waiters === undefined) this.#waiting.set(fd, new Set([waiter]))
      else waiters.add(waiter)
    } else {
      this.#deliverLater(waiter, Exit.succeed(readiness))
    }
    this.#changed()
    return () => this.#withdraw(waiter)
  }

  /** Settles whoever waits for what the file, and its other end, are ready for now. */
  wake(file: OpenFile): void {
    this.#wake(file)
    if (file.other !== undefined) this.#wake(file.other)
  }

  /** Fails everybody who waits. */
  fail(error: (fd: number) => Fd.FdError): void {
    for (const waiter of this.#inOrder()) this.#settle(waiter, Exit.fail(error(waiter.fd)))
  }

  #wake(file: OpenFile): void {
    const waiters = this.#waiting.get(file.fd)
    // Who waits for a closed file sleeps on, as with an operating system.
    if (waiters === undefined || this.#table.get(file.fd) !== file) return
    const state = file.poll()
    for (const waiter of waiters) {
      const readiness = waiter.file === file ? readinessFor(waiter.interest, state) : undefined
      if (readiness !== undefined) this.#settle(waiter, Exit.succeed(readiness))
    }
  }

  /** Those who still wait for a file that had the number before can never wake. */
  #settleStale(fd: number, file: OpenFile | undefined): void {
    for (const waiter of this.#waiting.get(fd) ?? []) {
      // The first is the oldest: when it waits for this file, so do all.
      if (waiter.file === file) return
      this.#settle(waiter, Exit.fail(Fd.badDescriptor(fd, "wait")))
    }
  }

  #withdraw(waiter: Waiter): void {
    if (waiter.outcome === undefined) this.#remove(waiter)
    else waiter.outcome = undefined
    this.#changed()
  }

  #settle(waiter: Waiter, outcome: Outcome): void {
    this.#remove(waiter)
    this.#deliverLater(waiter, outcome)
  }

  #remove(waiter: Waiter): void {
    const waiters = this.#waiting.get(waiter.fd)
    if (waiters?.delete(waiter) && waiters.size === 0) this.#waiting.delete(waiter.fd)
  }

  /**
   * By the dispatcher, so that a test clock that is adjusted waits for whom it has woken, and from a flat queue: who is
   * resumed may wake others, and those have their turn after the rest of the loop.
   */
  #deliverLater(waiter: Waiter, outcome: Outcome): void {
    waiter.outcome = outcome
    if (this.#settled.push(waiter) === 1) this.#dispatcher.scheduleTask(this.#deliver, 0)
  }

  readonly #deliver = (): void => {
    const settled = this.#settled
    this.#settled = []
    let done = 0
    try {
      while (done < settled.length) {
        const waiter = settled[done++]
        if (waiter?.outcome !== undefined) waiter.resume(waiter.outcome)
      }
    } finally {
      // A continuation threw, which is for whoever runs the dispatcher; the others are not to suffer for it.
      if (done < settled.length) {
        if (this.#settled.length === 0) this.#dispatcher.scheduleTask(this.#deliver, 0)
        this.#settled = [...settled.slice(done), ...this.#settled]
      }
    }
  }

  #inOrder(): ReadonlyArray<Waiter> {
    const waiters: Array<Waiter> = []
    for (const some of this.#waiting.values()) for (const waiter of some) waiters.push(waiter)
    return waiters.sort((one, another) => one.turn - another.turn)
  }
}

/** What of a state concerns the interest; a hang-up and an error concern any. */
const readinessFor = (interest: Fd.Interest, state: Fd.Readiness): Fd.Readiness | undefined => {
  const gone = state.hangup || state.error
  const readable = interest !== "write" && (state.readable || gone)
  const writable = interest !== "read" && (state.writable || gone)
  return readable || writable ? { readable, writable, hangup: state.hangup, error: state.error } : undefined
}
