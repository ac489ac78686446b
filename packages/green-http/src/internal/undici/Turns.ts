/**
 * When a request may be dispatched: not in the turn of the loop in which a response has ended.
 *
 * undici takes a connection for busy until the next turn. Who asks for the next thing at once, as straight-line code
 * does, would open another one.
 */
export class Turns {
  #waiting: Array<() => void> | undefined

  /** A response has ended. */
  readonly ended = (): void => {
    if (this.#waiting !== undefined) return
    this.#waiting = []
    // undici schedules its own after we return, and tells in a microtask after that.
    queueMicrotask(() => setImmediate(this.#next))
  }

  dispatch(f: () => void): void {
    if (this.#waiting === undefined) f()
    else this.#waiting.push(f)
  }

  readonly #next = (): void => {
    const waiting = this.#waiting
    this.#waiting = undefined
    waiting?.forEach((f) => f())
  }
}
