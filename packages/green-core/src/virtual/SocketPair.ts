/**
 * Virtual socket pairs: connected stream sockets of AF_UNIX, as Linux has them, except that only the bytes count
 * towards the capacity, and not what the kernel spends on keeping them.
 */
import { ByteQueue } from "./ByteQueue.ts"
import { EAGAIN, ECONNRESET, EPIPE, type OpenFile } from "./OpenFile.ts"

/** `capacity` is that of each direction. */
export const make = (capacity: number): readonly [SocketEnd, SocketEnd] => {
  const one = new SocketEnd(capacity)
  const another = new SocketEnd(capacity)
  one.connect(another)
  another.connect(one)
  return [one, another]
}

export class SocketEnd implements OpenFile {
  fd = -1
  nonBlocking = true
  readonly alwaysReady = false
  readonly capacity: number
  readonly #incoming = new ByteQueue()
  #other: SocketEnd | undefined
  #sendingEnded = false
  #receivingEnded = false
  /** Whether there is a reset to collect. */
  #wasReset = false

  constructor(capacity: number) {
    this.capacity = capacity
  }

  connect(other: SocketEnd): void {
    this.#other = other
  }

  get other(): SocketEnd | undefined {
    return this.#other
  }

  readonly poll = () => ({
    readable: this.#incoming.length > 0 || this.#receivingEnded,
    // Linux calls a socket writable when three quarters of its buffer are free, though it takes bytes before.
    writable: this.#outgoing * 4 <= this.capacity,
    hangup: this.#sendingEnded && this.#receivingEnded,
    error: this.#wasReset
  })

  readonly read = (bytes: Uint8Array): number => {
    if (bytes.length === 0) return 0
    if (this.#incoming.length > 0) return this.#incoming.read(bytes)
    if (this.#wasReset) {
      this.#wasReset = false
      return -ECONNRESET
    }
    return this.#receivingEnded ? 0 : -EAGAIN
  }

  readonly write = (bytes: Uint8Array): number => {
    if (this.#sendingEnded || this.#other === undefined) return -EPIPE
    if (bytes.length === 0) return 0
    const some = bytes.subarray(0, this.capacity - this.#outgoing)
    if (some.length === 0) return -EAGAIN
    this.#other.#incoming.append(some, some.length)
    return some.length
  }

  readonly shutdown = (): number => {
    this.#sendingEnded = true
    if (this.#other !== undefined) this.#other.#receivingEnded = true
    return 0
  }

  /** The other end is reset when it has written what nobody has read. */
  readonly close = (): void => {
    if (this.#incoming.length > 0) this.reset()
    else this.#disconnect()
  }

  /** Breaks the connection: the other end reads what it has, then ECONNRESET. */
  reset(): void {
    if (this.#other !== undefined) this.#other.#wasReset = true
    this.#disconnect()
  }

  get #outgoing(): number {
    return this.#other === undefined ? 0 : this.#other.#incoming.length
  }

  #disconnect(): void {
    this.#incoming.clear()
    if (this.#other === undefined) return
    this.#other.#sendingEnded = true
    this.#other.#receivingEnded = true
  }
}
