/**
 * A thread of the runtime's pool watches a set, in poll(2): for runtimes whose loop cannot be asked to watch a descriptor.
 *
 * It is blocked for as long as somebody waits, and released by a pipe that it watches as well: when nobody waits any
 * more, and when the process ends, which would wait for it. It only looks: what is in the set stays there for the loop
 * to take. Changes of the set need no release; the kernel wakes who polls it.
 */
import * as Fd from "../Fd.ts"
import * as Sys from "../internal/libc.ts"
import type { Watched, Watcher } from "./Watcher.ts"

/** Has the pipe that releases the thread. */
class ThreadWatcher implements Watcher {
  readonly #libc: Sys.Libc
  readonly #watched: Pick<Watched, "deliver" | "failed">
  readonly #ends: Int32Array
  /** Two of `struct pollfd`. It is the thread's while it is blocked. */
  readonly #descriptors: Int32Array
  readonly #byte = new Uint8Array(1)
  #isWanted = false
  #isBlocked = false
  #isReleased = false

  constructor(libc: Sys.Libc, set: number, watched: Pick<Watched, "deliver" | "failed">, ends: Int32Array) {
    this.#libc = libc
    this.#watched = watched
    this.#ends = ends
    this.#descriptors = Int32Array.of(set, Sys.EPOLLIN, ends[0] ?? -1, Sys.EPOLLIN)
    process.on("exit", () => {
      this.#isWanted = false
      this.#release()
    })
  }

  ref(): void {
    this.#isWanted = true
    this.#watch()
  }

  unref(): void {
    this.#isWanted = false
    // Who waits again in this turn needs no new call.
    setImmediate(() => {
      if (!this.#isWanted) this.#release()
    })
  }

  #watch(): void {
    if (this.#isBlocked) return
    this.#isBlocked = true
    this.#libc.pollInThread(this.#descriptors, 2, -1, () => setImmediate(this.#woken))
  }

  readonly #woken = (): void => {
    this.#isBlocked = false
    if (this.#isReleased) {
      this.#libc.read(this.#ends[0] ?? -1, this.#byte, 1)
      this.#isReleased = false
    }
    // Also when nobody waits: what is left in the set would wake the next one.
    this.#watched.deliver()
    if (this.#isWanted) this.#watch()
  }

  #release(): void {
    if (!this.#isBlocked || this.#isReleased) return
    this.#isReleased = true
    this.#libc.write(this.#ends[1] ?? -1, this.#byte, 1)
  }
}

export const start = (libc: Sys.Libc, set: number, watched: Pick<Watched, "deliver" | "failed">): Watcher => {
  const ends = new Int32Array(2)
  if (libc.pipe(ends) === 0) return new ThreadWatcher(libc, set, watched, ends)
  const { reason } = Fd.system(undefined, "pipe", libc.errno())
  setImmediate(() => {
    watched.failed(reason)
    libc.close(set)
  })
  return { ref: () => {}, unref: () => {} }
}
