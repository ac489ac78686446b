/**
 * The connections that are being made. When nobody is on the way to an origin any more, those to it are given up: an
 * interrupted request leaves no handshake behind that keeps the process alive.
 */
export class Attempts {
  readonly #origins = new Map<string, Set<() => void>>()

  /** One that begins, and how it is given up. What is given back says that it has ended. */
  begin(origin: string, giveUp: () => void): () => void {
    const attempts = this.#origins.get(origin) ?? new Set()
    this.#origins.set(origin, attempts.add(giveUp))
    return () => {
      attempts.delete(giveUp)
      if (attempts.size === 0) this.#origins.delete(origin)
    }
  }

  giveUp(origin: string): void {
    for (const giveUp of [...(this.#origins.get(origin) ?? [])]) giveUp()
  }
}
