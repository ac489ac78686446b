/**
 * When a request may be dispatched: one that follows another to the same origin, not in the turn of the loop in which the
 * response of that has ended.
 *
 * undici takes a connection for busy until the next turn. Who asks for the next thing at once, as straight-line code
 * does, would open another one. Where there are others on the way, there are other connections too, and nobody waits.
 */
export class Turns {
  readonly #origins = new Map<string, Turn>()

  dispatch(origin: string, f: () => void): void {
    let turn = this.#origins.get(origin)
    if (turn === undefined) this.#origins.set(origin, (turn = new Turn()))
    if (turn.active++ > 0 || turn.waiting === undefined) f()
    else turn.waiting.push(f)
  }

  /** A response has ended, or there will be none. */
  ended(origin: string): void {
    const turn = this.#origins.get(origin)
    if (turn === undefined || --turn.active > 0 || turn.waiting !== undefined) return
    turn.waiting = []
    // undici schedules its own after we return, and tells in a microtask after that.
    queueMicrotask(() => setImmediate(() => this.#next(origin, turn)))
  }

  #next(origin: string, turn: Turn): void {
    const waiting = turn.waiting
    turn.waiting = undefined
    if (turn.active === 0) this.#origins.delete(origin)
    waiting?.forEach((f) => f())
  }
}

class Turn {
  /** How many have been dispatched, or wait to be, and have not ended. */
  active = 0
  waiting: Array<() => void> | undefined
}
