/**
 * Bytes on their way from one end to the other, in chunks. A chunk is gone when its last byte was read.
 */

interface Chunk {
  readonly bytes: Uint8Array
  start: number
  end: number
  next: Chunk | undefined
}

export class ByteQueue {
  #first: Chunk | undefined
  #last: Chunk | undefined
  #chunks = 0
  #length = 0

  /** How many bytes are in it. */
  get length(): number {
    return this.#length
  }

  /** How many chunks they are in. */
  get chunks(): number {
    return this.#chunks
  }

  /** Puts the bytes into a chunk of their own, that has room for so many. */
  append(bytes: Uint8Array, room: number): void {
    const chunk: Chunk = { bytes: new Uint8Array(room), start: 0, end: bytes.length, next: undefined }
    chunk.bytes.set(bytes)
    if (this.#last === undefined) this.#first = chunk
    else this.#last.next = chunk
    this.#last = chunk
    this.#chunks++
    this.#length += bytes.length
  }

  /** Puts the bytes into the last chunk, if there is one that has room for all of them. */
  extend(bytes: Uint8Array): boolean {
    const chunk = this.#last
    if (chunk === undefined || chunk.end + bytes.length > chunk.bytes.length) return false
    chunk.bytes.set(bytes, chunk.end)
    chunk.end += bytes.length
    this.#length += bytes.length
    return true
  }

  /** Takes as many as there are and `bytes` has room for: how many. */
  read(bytes: Uint8Array): number {
    let count = 0
    while (this.#first !== undefined && count < bytes.length) {
      const chunk = this.#first
      const some = chunk.bytes.subarray(chunk.start, Math.min(chunk.end, chunk.start + bytes.length - count))
      bytes.set(some, count)
      count += some.length
      chunk.start += some.length
      if (chunk.start < chunk.end) break
      this.#first = chunk.next
      if (this.#first === undefined) this.#last = undefined
      this.#chunks--
    }
    this.#length -= count
    return count
  }

  clear(): void {
    this.#first = undefined
    this.#last = undefined
    this.#chunks = 0
    this.#length = 0
  }
}
