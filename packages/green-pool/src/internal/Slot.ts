/**
 * Where one job of a pool runs: a worker that it has to itself, or a turn in the slot of the job that waits for it.
 *
 * It is the job's greenlet too, so whoever runs below it finds it by walking up the greenlets. What runs in turns in a
 * slot never needs a second worker: nesting cannot deadlock, and cannot exceed the size of the pool.
 */
import { Greenlet } from "green-core"
import type { Job } from "./Job.ts"
import type { Workers } from "./Workers.ts"

/** Somebody in a slot who waits for a job, and would let it run there. */
export interface Turn {
  /** Takes the job that may run now, out of the queue if it is there. */
  readonly take: (slot: Slot) => Job | undefined
}

export class Slot extends Greenlet.Class {
  readonly workers: Workers
  /** What runs here, once it does. */
  job: Job | undefined
  /** The slot in which this one is a turn; a worker has none. */
  host: Slot | undefined
  /** The key that its job counts against. */
  key: unknown
  /** Its job, those that run in it, and those that will. */
  #occupants = 1
  #taken = false
  #turns: Set<Turn> | undefined

  constructor(workers: Workers, parent: Greenlet.Greenlet) {
    super(parent)
    this.workers = workers
  }

  /** Whether everybody has left: a fork that was left behind belongs to no slot any more. */
  get deserted(): boolean {
    return this.#occupants === 0
  }

  /** Whether a job of this key runs here already. */
  holds(key: unknown): boolean {
    return this.key === key || (this.host !== undefined && this.host.holds(key))
  }

  occupy(): void {
    this.#occupants++
  }

  leave(): void {
    if (--this.#occupants > 0) return
    this.workers.release(this)
    const host = this.host
    if (host === undefined) return
    host.#taken = false
    if (host.#turns !== undefined && host.#turns.size > 0) this.workers.lend(host)
    host.leave()
  }

  /** Waits for a turn here, until `withdraw`. */
  wait(turn: Turn): void {
    const turns = (this.#turns ??= new Set())
    turns.add(turn)
    if (this.#taken) return
    this.workers.lend(this)
    this.workers.advance()
  }

  withdraw(turn: Turn): void {
    this.#turns?.delete(turn)
    if (this.#turns?.size === 0) this.workers.keep(this)
  }

  /** The job whose turn it is, if it may run. */
  take(): Job | undefined {
    for (const turn of this.#turns ?? []) {
      const job = turn.take(this)
      if (job === undefined) continue
      this.#taken = true
      this.occupy()
      return job
    }
    return undefined
  }
}
