/** First in, first out, in constant time. */
export class Queue<A> {
  #items: Array<A | undefined> = []
  #taken = 0

  get length(): number {
    return this.#items.length - this.#taken
  }

  get first(): A | undefined {
    return this.#items[this.#taken]
  }

  add(item: A): void {
    this.#items.push(item)
  }

  take(): void {
    this.#items[this.#taken++] = undefined
    if (this.#taken === this.#items.length) {
      this.#items = []
      this.#taken = 0
    } else if (this.#taken >= 1024 && this.#taken * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#taken)
      this.#taken = 0
    }
  }
}
