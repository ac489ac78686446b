/**
 * Who is there, in the order in which they came; they come and go all the time.
 *
 * Not a Set or a Map: these make a new table every few changes, and each table refers to the one that replaced it. When
 * one of them has become old, V8 keeps all that came after it until it collects everything, with all that their members
 * refer to: such as the bytes of every operation. What is removed here refers to nothing.
 */
export class Entry<A> {
  readonly value: A
  previous: Entry<A> | undefined
  next: Entry<A> | undefined
  /** Where it is, until it is removed. */
  list: List<A> | undefined

  constructor(value: A, list: List<A>) {
    this.value = value
    this.list = list
  }
}

export class List<A> {
  first: Entry<A> | undefined
  #last: Entry<A> | undefined
  size = 0

  add(value: A): Entry<A> {
    const entry = new Entry(value, this)
    const last = this.#last
    if (last === undefined) this.first = entry
    else last.next = entry
    entry.previous = last
    this.#last = entry
    this.size++
    return entry
  }

  /** It may have been removed before. */
  remove(entry: Entry<A>): void {
    const { list, next, previous } = entry
    if (list !== this) return
    if (previous === undefined) this.first = next
    else previous.next = next
    if (next === undefined) this.#last = previous
    else next.previous = previous
    entry.previous = undefined
    entry.next = undefined
    entry.list = undefined
    this.size--
  }

  /** The first for which it holds. */
  find(holds: (value: A) => boolean): A | undefined {
    for (let entry = this.first; entry !== undefined; entry = entry.next) if (holds(entry.value)) return entry.value
    return undefined
  }

  /** All of them by now: who comes or goes meanwhile changes nothing of it. */
  get values(): Array<A> {
    const values: Array<A> = []
    for (let entry = this.first; entry !== undefined; entry = entry.next) values.push(entry.value)
    return values
  }
}
