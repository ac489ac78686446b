/**
 * How many may start in any stretch of time of a given length: the times of the last starts.
 */
export class Rate {
  readonly #limit: number
  readonly #interval: number
  readonly #times: Array<number> = []
  #oldest = 0

  /** `interval` in milliseconds. */
  constructor(limit: number, interval: number) {
    this.#limit = limit
    this.#interval = interval
  }

  /** How many milliseconds there are to wait until one more may start; 0 for none. */
  delay(now: number): number {
    if (this.#times.length < this.#limit) return 0
    return Math.max(0, (this.#times[this.#oldest] ?? 0) + this.#interval - now)
  }

  started(now: number): void {
    if (this.#times.length < this.#limit) {
      this.#times.push(now)
      return
    }
    this.#times[this.#oldest] = now
    this.#oldest = (this.#oldest + 1) % this.#limit
  }
}
