/**
 * Who may run: so many jobs at a time, the others in the order in which they came.
 *
 * A job that waits for an operation has a blocked thread, so its slot does nothing. A job that is called by that very
 * operation may use it, or one that this one calls in turn: the slot is lent, to one at a time, and comes back when that
 * one has ended. So jobs that call jobs cannot wait for each other, and never more of them compute than there are slots.
 *
 * It knows no threads.
 */
import { type Entry, List } from "./List.ts"

/** The right to run. */
export class Slot {
  /** Whose right it was, if it is lent. */
  readonly lender: Slot | undefined
  /** Who asks for this one, because it is called by the job that has it, or by one below that. */
  readonly borrowers = new List<Ticket>()
  /** Whether the job that has it waits for an operation: so it may be lent. */
  isWaiting = false
  isLent = false
  isReleased = false

  constructor(lender: Slot | undefined) {
    this.lender = lender
  }
}

/** The place of somebody who waits. */
interface Ticket {
  /** Where it waits: in the queue, and at the slots of the jobs that are above it. */
  readonly places: Array<Entry<Ticket>>
  readonly granted: (slot: Slot) => void
}

export class Slots {
  #free: number
  readonly #queue = new List<Ticket>()
  /** Those that are given back in the course of giving another one: after it, for there may be many. */
  readonly #released: Array<Slot> = []
  #isReleasing = false

  constructor(size: number) {
    this.#free = size
  }

  get queued(): number {
    return this.#queue.size
  }

  /**
   * Asks for a slot, within jobs that have the slots `lenders`, the innermost first. `granted` is called once, at once or
   * later; the result takes the request back.
   */
  acquire(lenders: ReadonlyArray<Slot>, granted: (slot: Slot) => void): () => void {
    if (this.#free > 0) {
      this.#free--
      granted(new Slot(undefined))
      return nothing
    }
    const idle = lenders.find((each) => each.isWaiting && !each.isLent && !each.isReleased)
    if (idle !== undefined) {
      idle.isLent = true
      granted(new Slot(idle))
      return nothing
    }
    const ticket: Ticket = { places: [], granted }
    for (const list of [this.#queue, ...lenders.map((each) => each.borrowers)]) ticket.places.push(list.add(ticket))
    return () => forget(ticket)
  }

  /** The job that has the slot begins to wait for an operation, or goes on. While it waits, its slot is lent. */
  waits(slot: Slot, isWaiting: boolean): void {
    slot.isWaiting = isWaiting
    if (isWaiting && !slot.isLent && !slot.isReleased) this.#lend(slot)
  }

  /** Gives a slot back, or on to who waits for it. One that is lent is given back by who has borrowed it. */
  release(slot: Slot): void {
    slot.isReleased = true
    this.#released.push(slot)
    if (this.#isReleasing) return
    this.#isReleasing = true
    try {
      for (let next = this.#released.pop(); next !== undefined; next = this.#released.pop()) this.#giveBack(next)
    } finally {
      this.#isReleasing = false
    }
  }

  #giveBack(slot: Slot): void {
    if (slot.isLent) return
    const { lender } = slot
    if (lender === undefined) {
      this.#give()
      return
    }
    lender.isLent = false
    if (lender.isReleased) this.#giveBack(lender)
    else if (lender.isWaiting) this.#lend(lender)
  }

  #lend(lender: Slot): void {
    const next = lender.borrowers.first?.value
    if (next === undefined) return
    forget(next)
    lender.isLent = true
    next.granted(new Slot(lender))
  }

  #give(): void {
    const next = this.#queue.first?.value
    if (next === undefined) {
      this.#free++
      return
    }
    forget(next)
    next.granted(new Slot(undefined))
  }
}

const forget = ({ places }: Ticket): void => {
  for (const place of places) place.list?.remove(place)
  places.length = 0
}

const nothing = (): void => {}
