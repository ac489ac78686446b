/**
 * Who may run: so many jobs at a time, the others in the order in which they came.
 *
 * A job that waits for an operation has a blocked thread, so its slot does nothing. A job that is called by that very
 * operation may use it: the slot is lent, to one at a time, and comes back when that one has ended. So jobs that call
 * jobs cannot wait for each other, and never more of them compute than there are slots.
 *
 * It knows no threads.
 */

/** The right to run. */
export class Slot {
  /** Whose right it was, if it is lent. */
  readonly lender: Slot | undefined
  /** Who asks for this one, because it is called by the job that has it. */
  readonly borrowers = new Set<Ticket>()
  isLent = false
  isReleased = false

  constructor(lender: Slot | undefined) {
    this.lender = lender
  }
}

/** The place of somebody who waits. */
interface Ticket {
  readonly lender: Slot | undefined
  readonly granted: (slot: Slot) => void
}

export class Slots {
  #free: number
  readonly #queue = new Set<Ticket>()

  constructor(size: number) {
    this.#free = size
  }

  get queued(): number {
    return this.#queue.size
  }

  /**
   * Asks for a slot, on behalf of the job that has `lender` if there is one. `granted` is called once, at once or later;
   * the result takes the request back.
   */
  acquire(lender: Slot | undefined, granted: (slot: Slot) => void): () => void {
    const source = lender?.isReleased === true ? undefined : lender
    if (this.#free > 0) {
      this.#free--
      granted(new Slot(undefined))
      return nothing
    }
    if (source !== undefined && !source.isLent) {
      source.isLent = true
      granted(new Slot(source))
      return nothing
    }
    const ticket: Ticket = { lender: source, granted }
    this.#queue.add(ticket)
    source?.borrowers.add(ticket)
    return () => this.#forget(ticket)
  }

  /** Gives a slot back, or on to who waits for it. One that is lent is given back by who has borrowed it. */
  release(slot: Slot): void {
    slot.isReleased = true
    if (slot.isLent) return
    const { lender } = slot
    if (lender === undefined) this.#give()
    else this.#giveBack(lender)
  }

  #giveBack(lender: Slot): void {
    lender.isLent = false
    if (lender.isReleased) {
      this.release(lender)
      return
    }
    const [next] = lender.borrowers
    if (next === undefined) return
    this.#forget(next)
    lender.isLent = true
    next.granted(new Slot(lender))
  }

  #give(): void {
    const [next] = this.#queue
    if (next === undefined) {
      this.#free++
      return
    }
    this.#forget(next)
    next.granted(new Slot(undefined))
  }

  #forget(ticket: Ticket): void {
    this.#queue.delete(ticket)
    ticket.lender?.borrowers.delete(ticket)
  }
}

const nothing = (): void => {}
