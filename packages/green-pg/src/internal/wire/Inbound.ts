/**
 * The read buffer: bytes that have arrived and were not taken yet, in one piece of memory that is used again and again.
 *
 * It grows for a message that does not fit, as its bytes arrive and not as its length claims, and shrinks when there was
 * no such message for a while. It knows nothing of messages but how long the one at the front is to be.
 */

/** As much as a read takes from the kernel at a time. */
const usual = 64 * 1024

export class Inbound {
  /** Replaced when it grows or shrinks, by `room` alone. */
  bytes: Buffer = Buffer.allocUnsafeSlow(usual)
  /** What was not taken is from `start` to `end`. Whoever takes it moves `start`. */
  start = 0
  end = 0
  #wanted = 0
  #largest = 0

  get isEmpty(): boolean {
    return this.start === this.end
  }

  /** The message at the front has so many bytes, which are not all here. */
  want(size: number): void {
    this.#wanted = size
    if (size > this.#largest) this.#largest = size
  }

  /** Memory to read into, behind `end`; none while it is full of messages that are complete and were not taken. */
  room(): Buffer | undefined {
    if (this.start === this.end) return this.#all()
    const pending = this.end - this.start
    if (this.start > 0) {
      this.bytes.copyWithin(0, this.start, this.end)
      this.start = 0
      this.end = pending
    }
    if (pending === this.bytes.length) {
      if (this.#wanted <= pending) return undefined
      const grown = Buffer.allocUnsafeSlow(Math.min(this.#wanted, pending * 2))
      this.bytes.copy(grown, 0, 0, pending)
      this.bytes = grown
    }
    return this.bytes.subarray(pending)
  }

  #all(): Buffer {
    if (this.bytes.length > usual && this.#largest <= usual) this.bytes = Buffer.allocUnsafeSlow(usual)
    this.start = 0
    this.end = 0
    this.#wanted = 0
    this.#largest = 0
    return this.bytes
  }
}
