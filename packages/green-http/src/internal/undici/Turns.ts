/**
 * When a request may be dispatched: one that follows another to the same origin, not in the turn of the loop in which the
 * response of that has ended.
 *
 * undici takes a connection for busy until the next turn, lest a server that closes it after all be asked again. Who asks
 * for the next thing at once, as straight-line code does, would open another one. Where there are others on the way, there
 * are other connections too, and nobody waits.
 */
export class Turns {
  readonly #origins = new Map<string, Turn>()
  readonly #idle: (origin: string) => void

  /** `idle` is told of an origin to which nobody is on the way any more. */
  constructor(idle: (origin: string) => void) {
    this.#idle = idle
  }

  /** That of an origin. */
  of(origin: string): Turn {
    const known = this.#origins.get(origin)
    if (known !== undefined) return known
    if (this.#origins.size >= most) this.#forget()
    const turn = new Turn(() => this.#idle(origin))
    this.#origins.set(origin, turn)
    return turn
  }

  #forget(): void {
    for (const [origin, turn] of this.#origins) if (turn.isIdle) this.#origins.delete(origin)
  }
}

const most = 1024

export class Turn {
  readonly #idle: () => void
  /** How many have been dispatched, or are about to be, and have not ended. */
  #active = 0
  #isFirst = true

  constructor(idle: () => void) {
    this.#idle = idle
  }

  get isIdle(): boolean {
    return this.#active === 0
  }

  /** Not to be called from within a handler of undici's: its own turn is scheduled when that has returned. */
  dispatch(f: () => void): void {
    if (this.#active++ > 0 || this.#isFirst) f()
    else setImmediate(f)
    this.#isFirst = false
  }

  /** A response has ended, or there will be none. */
  ended(): void {
    if (--this.#active === 0) this.#idle()
  }
}
