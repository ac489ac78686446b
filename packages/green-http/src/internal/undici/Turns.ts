/**
 * When a request may be dispatched: one that follows another to the same origin, not in the turn of the loop in which the
 * response of that has ended.
 *
 * undici takes a connection for busy until the next turn. Who asks for the next thing at once, as straight-line code
 * does, would open another one. Where there are others on the way, there are other connections too, and nobody waits.
 */
export class Turns {
  readonly #origins = new Map<string, Turn>()
  readonly #idle: (origin: string) => void

  /** `idle` is told of an origin to which nobody is on the way any more. */
  constructor(idle: (origin: string) => void) {
    this.#idle = idle
  }

  /** That of an origin; it is kept while somebody is on the way there. */
  of(origin: string): Turn {
    let turn = this.#origins.get(origin)
    if (turn === undefined) {
      turn = new Turn(
        () => this.#idle(origin),
        () => this.#origins.delete(origin)
      )
      this.#origins.set(origin, turn)
    }
    return turn
  }
}

export class Turn {
  readonly #idle: () => void
  readonly #forget: () => void
  /** How many have been dispatched, or wait to be, and have not ended. */
  #active = 0
  #waiting: Array<() => void> | undefined

  constructor(idle: () => void, forget: () => void) {
    this.#idle = idle
    this.#forget = forget
  }

  dispatch(f: () => void): void {
    if (this.#active++ > 0 || this.#waiting === undefined) f()
    else this.#waiting.push(f)
  }

  /** A response has ended, or there will be none. */
  ended(): void {
    if (--this.#active > 0) return
    this.#idle()
    if (this.#waiting !== undefined) return
    this.#waiting = []
    // undici schedules its own after we return, and tells in a microtask after that.
    queueMicrotask(() => setImmediate(() => this.#next()))
  }

  #next(): void {
    const waiting = this.#waiting
    this.#waiting = undefined
    if (this.#active === 0) this.#forget()
    waiting?.forEach((f) => f())
  }
}
