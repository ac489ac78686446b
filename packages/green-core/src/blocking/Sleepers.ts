/**
 * Who sleeps, the earliest first: a binary heap in which a sleeper knows its place, so that one who is interrupted is
 * taken out at once.
 *
 * Deadlines are in milliseconds of `performance.now()`. Of two equal deadlines the one that came first is first.
 */
export interface Sleeper {
  readonly deadline: number
  readonly order: number
  readonly wake: () => void
  /** Its index in the heap; -1 when it is out of it. */
  place: number
}

export class Sleepers {
  readonly #heap: Array<Sleeper> = []
  #order = 0

  get size(): number {
    return this.#heap.length
  }

  /** The earliest deadline; infinite when nobody sleeps. */
  get earliest(): number {
    return this.#heap[0]?.deadline ?? Infinity
  }

  add(deadline: number, wake: () => void): Sleeper {
    const sleeper = { deadline, order: this.#order++, wake, place: this.#heap.length }
    this.#heap.push(sleeper)
    this.#rise(sleeper)
    return sleeper
  }

  /** Takes a sleeper out without waking it; harmless when it is out. */
  remove(sleeper: Sleeper): void {
    const { place } = sleeper
    if (place < 0) return
    sleeper.place = -1
    const last = this.#heap.pop()
    if (last === undefined || last === sleeper) return
    this.#put(last, place)
    this.#rise(last)
    this.#sink(last)
  }

  /** Wakes everybody whose deadline has come. */
  wake(now: number): void {
    for (let first = this.#heap[0]; first !== undefined && first.deadline <= now; first = this.#heap[0]) {
      this.remove(first)
      first.wake()
    }
  }

  #rise(sleeper: Sleeper): void {
    while (sleeper.place > 0) {
      const place = (sleeper.place - 1) >> 1
      const parent = this.#heap[place]
      if (parent === undefined || !before(sleeper, parent)) return
      this.#put(parent, sleeper.place)
      this.#put(sleeper, place)
    }
  }

  #sink(sleeper: Sleeper): void {
    for (;;) {
      const left = this.#heap[2 * sleeper.place + 1]
      const right = this.#heap[2 * sleeper.place + 2]
      const child = left !== undefined && right !== undefined && before(right, left) ? right : left
      if (child === undefined || !before(child, sleeper)) return
      const { place } = child
      this.#put(child, sleeper.place)
      this.#put(sleeper, place)
    }
  }

  #put(sleeper: Sleeper, place: number): void {
    this.#heap[place] = sleeper
    sleeper.place = place
  }
}

const before = (one: Sleeper, other: Sleeper): boolean =>
  one.deadline < other.deadline || (one.deadline === other.deadline && one.order < other.order)
