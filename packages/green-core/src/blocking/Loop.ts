/**
 * The loop of one blocking run: runs what is to run, and blocks the thread when nothing is.
 *
 * It knows tasks, sleepers, descriptors and callbacks, and of fibers nothing: the scheduler, the clock and the
 * operations of the run put things in, `drive` takes them out. All of its state is its own, so runs can be nested in
 * each other and in a fiber of the event loop without seeing each other.
 */
import * as Fd from "../Fd.ts"
import { EpollSet } from "../internal/EpollSet.ts"
import { isMissing, libc } from "../internal/libc.ts"
import * as ThreadSet from "../internal/threadSet.ts"
import type { WaitFdStatistics } from "../WaitFdHandler.ts"
import { Sleepers } from "./Sleepers.ts"
import { Tasks } from "./Tasks.ts"

/**
 * The longest that the thread is blocked in one call, in milliseconds. A thread inside epoll_wait sees neither
 * `worker.terminate()` nor a signal's handler before the call returns.
 */
const slice = 100

/** While there is always something to run, descriptors and sleepers have their turn so often, in milliseconds. */
const turn = 1

/** Nobody ever notifies it: waiting for it is sleeping, to the microsecond and on every platform. */
const cell = new Int32Array(new SharedArrayBuffer(4))

export class Loop {
  readonly tasks = new Tasks()
  readonly sleepers = new Sleepers()
  /** What to call when nothing but these callbacks is left: nobody can settle them any more. */
  readonly callbacks = new Set<() => void>()
  #descriptors: EpollSet | undefined
  #closeSet = (): void => {}
  #turned = 0
  #closed = false

  get closed(): boolean {
    return this.#closed
  }

  /** The set of this run, opened at the first wait for a descriptor, or why there is none. */
  descriptors(fd: number): EpollSet | Fd.FdError {
    if (this.#descriptors !== undefined) return this.#descriptors
    if (this.#closed) {
      return Fd.unsupported(fd, "wait", "Green.runSync", "the run that this program belongs to has ended")
    }
    const system = libc()
    if (isMissing(system)) return Fd.unsupported(fd, "wait", system.platform, system.problem)
    const set = ThreadSet.open(system)
    if ("_tag" in set) return new Fd.FdError({ fd, operation: "wait", reason: set })
    this.#closeSet = set.close
    return (this.#descriptors = new EpollSet(system, set.fd))
  }

  /** Whether anybody waits for a descriptor. */
  get waited(): boolean {
    return this.#descriptors !== undefined && this.#descriptors.waited
  }

  get statistics(): WaitFdStatistics {
    return this.#descriptors?.statistics ?? { readers: 0, writers: 0, descriptors: 0 }
  }

  notifyClosing(fd: number): void {
    this.#descriptors?.notifyClosing(fd)
  }

  /**
   * Runs until `over`, or until nothing in this thread can ever run again: answers whether it is over. What a task or
   * continuation throws is thrown; call it again to go on with the others.
   */
  drive(over: () => boolean): boolean {
    this.#look()
    while (!over()) {
      if (this.tasks.pending) {
        this.tasks.runRound()
        if (this.tasks.pending && performance.now() - this.#turned >= turn) this.#look()
      } else if (!this.#block() && !this.#giveUpCallbacks()) {
        return false
      }
    }
    return true
  }

  /** Closes the set. Nothing is driven any more. */
  close(): void {
    this.#closed = true
    this.#descriptors = undefined
    this.#closeSet()
    this.#closeSet = () => {}
  }

  /** Takes what is ready and due, without waiting. */
  #look(): void {
    this.#descriptors?.deliver(0)
    this.#turned = performance.now()
    this.sleepers.wake(this.#turned)
  }

  /** Waits for descriptors and the earliest sleeper together; answers whether there was anybody to wait for. */
  #block(): boolean {
    const { sleepers } = this
    const set = this.#descriptors
    const waited = set !== undefined && set.waited
    if (sleepers.size === 0) {
      if (waited) set.deliver(slice)
      return waited
    }
    const pause = Math.min(slice, sleepers.earliest - performance.now())
    // epoll_wait takes whole milliseconds: rounded up, or it would be called again and again in the last one.
    if (waited) set.deliver(Math.max(0, Math.ceil(pause)))
    else if (pause > 0) Atomics.wait(cell, 0, 0, pause)
    sleepers.wake(performance.now())
    return true
  }

  #giveUpCallbacks(): boolean {
    if (this.callbacks.size === 0) return false
    for (const giveUp of this.callbacks) {
      this.callbacks.delete(giveUp)
      this.tasks.add(giveUp, 0)
    }
    return true
  }
}
