/**
 * How many workers those of one key have, and who of them waits for one although others may start.
 *
 * Who is first in the queue while his key has all that it may is parked here, so that the queue need not be searched.
 * When one of the key has ended, or one that was next has gone, the next of it is put back where it has been.
 */
import type { Job } from "./Job.ts"
import { JobQueue } from "./JobQueue.ts"

interface Key {
  running: number
  readonly parked: JobQueue
}

export class Keys {
  readonly #limit: number
  readonly #queue: JobQueue
  readonly #keys = new Map<unknown, Key>()

  /** `queue` is where those who may start are. */
  constructor(limit: number, queue: JobQueue) {
    this.#limit = limit
    this.#queue = queue
  }

  /** Those that are parked, by key. */
  *parked(): IterableIterator<JobQueue> {
    for (const { parked } of this.#keys.values()) yield parked
  }

  /** Whether no more of the key may start. */
  isExhausted(name: unknown): boolean {
    return name !== undefined && (this.#keys.get(name)?.running ?? 0) >= this.#limit
  }

  started(name: unknown): void {
    if (name !== undefined) this.#key(name).running++
  }

  ended(name: unknown): void {
    const key = this.#keys.get(name)
    if (key === undefined) return
    key.running--
    this.next(name)
  }

  park(job: Job, priority: number): void {
    this.#key(job.key).parked.add(job, priority)
  }

  /** The next of the key, if there is one, may start. */
  next(name: unknown): void {
    const key = this.#keys.get(name)
    if (key === undefined) return
    const job = key.parked.first
    if (job?.lane !== undefined) {
      const { priority } = job.lane
      key.parked.remove(job, job.lane)
      this.#queue.putBack(job, priority)
    } else if (key.running === 0) this.#keys.delete(name)
  }

  #key(name: unknown): Key {
    let key = this.#keys.get(name)
    if (key === undefined) this.#keys.set(name, (key = { running: 0, parked: new JobQueue() }))
    return key
  }
}
