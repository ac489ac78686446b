/**
 * Jobs in the order in which they are to start: by priority, and first come, first served within one.
 *
 * The queue is threaded through the jobs themselves, so that any of them is removed in one step and none costs more
 * than its own fields.
 */
import type { Job } from "./Job.ts"

/** The jobs of one priority. */
export class Lane {
  readonly queue: JobQueue
  readonly priority: number
  first: Job | undefined
  last: Job | undefined

  constructor(queue: JobQueue, priority: number) {
    this.queue = queue
    this.priority = priority
  }
}

export class JobQueue {
  /** Highest priority first. An empty one is kept while it is the only one. */
  readonly #lanes: Array<Lane> = []
  length = 0

  get first(): Job | undefined {
    return this.#lanes[0]?.first
  }

  /** The oldest of the lowest priority. */
  get leastUrgent(): Job | undefined {
    return this.#lanes.at(-1)?.first
  }

  /** Takes its place by `order`, which is looked for from behind. */
  add(job: Job, priority: number): void {
    const lane = this.#lane(priority)
    let previous = lane.last
    while (previous !== undefined && previous.order > job.order) previous = previous.previous
    this.#link(job, lane, previous)
  }

  /** Takes the last place, whatever its order. */
  append(job: Job): void {
    const lane = this.#lane(0)
    this.#link(job, lane, lane.last)
  }

  /** The same as `add`, looked for from the front: for one that has been there before. */
  putBack(job: Job, priority: number): void {
    const lane = this.#lane(priority)
    let previous: Job | undefined
    let next = lane.first
    while (next !== undefined && next.order < job.order) {
      previous = next
      next = next.next
    }
    this.#link(job, lane, previous)
  }

  remove(job: Job, lane: Lane): void {
    const { next, previous } = job
    if (previous === undefined) lane.first = next
    else previous.next = next
    if (next === undefined) lane.last = previous
    else next.previous = previous
    job.lane = job.next = job.previous = undefined
    this.length--
    if (lane.first === undefined && this.#lanes.length > 1) this.#lanes.splice(this.#lanes.indexOf(lane), 1)
  }

  /** All of them, in order. */
  *[Symbol.iterator](): IterableIterator<Job> {
    for (const lane of this.#lanes) for (let job = lane.first; job !== undefined; job = job.next) yield job
  }

  #link(job: Job, lane: Lane, previous: Job | undefined): void {
    const next = previous === undefined ? lane.first : previous.next
    job.lane = lane
    job.previous = previous
    job.next = next
    if (previous === undefined) lane.first = job
    else previous.next = job
    if (next === undefined) lane.last = job
    else next.previous = job
    this.length++
  }

  #lane(priority: number): Lane {
    const lanes = this.#lanes
    let place = 0
    for (; place < lanes.length; place++) {
      const lane = lanes[place]
      if (lane === undefined || lane.priority < priority) break
      if (lane.priority === priority) return lane
    }
    const lane = new Lane(this, priority)
    // An empty lane that stays behind would hide those after it.
    if (lanes.length === 1 && lanes[0]?.first === undefined) lanes[0] = lane
    else lanes.splice(place, 0, lane)
    return lane
  }
}
