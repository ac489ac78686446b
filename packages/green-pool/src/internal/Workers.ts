/**
 * The workers of a pool: which job starts when.
 *
 * It counts, and keeps the order; it knows nothing of Effects. A worker is no object, only a number: how many jobs may
 * run at once, and how many have. Everything happens in `advance`, a flat loop: what a job does while it starts or ends
 * may come back here.
 */
import type { Greenlet } from "green-core"
import type { Job } from "./Job.ts"
import { JobQueue } from "./JobQueue.ts"
import { Keys } from "./Keys.ts"
import * as Nest from "./Nest.ts"
import type { Rate } from "./Rate.ts"

export interface WorkersOptions {
  readonly maxWorkers: number
  readonly capacity: number
  /** How many jobs of one key may run at once. */
  readonly keyLimit: number
  readonly rate: Rate | undefined
  /** The greenlet that the jobs' greenlets come from. */
  readonly parent: Greenlet.Greenlet
  /** In milliseconds. */
  readonly now: () => number
  /** Calls back after so many milliseconds. */
  readonly sleep: (milliseconds: number, wake: () => void) => void
  /** Calls back after the others that are ready to run, timers and input among them, had their turn. */
  readonly yieldNow: (next: () => void) => void
}

/** Somebody who waits for a place in the queue. */
export interface Candidate {
  readonly job: Job
  readonly priority: number
  readonly admitted: () => void
  readonly refused: () => void
}

/** Somebody who waits until something is true of the pool. */
export interface Condition {
  readonly holds: () => boolean
  readonly resume: () => void
}

/** How many items `map` and `imap` read beyond those that have a worker. */
export const readAhead = 2

/** So many jobs start between two looks at the clock. */
const glance = 8
/** So many milliseconds may pass before timers and input get their turn. */
const patience = 2

export class Workers {
  readonly parent: Greenlet.Greenlet
  readonly capacity: number
  readonly #options: WorkersOptions
  readonly #queue = new JobQueue()
  readonly #working = new JobQueue()
  readonly #keys: Keys
  readonly #candidates = new Set<Candidate>()
  readonly #conditions = new Set<Condition>()
  /** Jobs in which a turn is free, and somebody waits for one. */
  readonly #lending = new Set<Job>()
  /** Jobs in which somebody waits for a task of the pool, or for all of them, with those that they run in. */
  readonly #waiting = new Map<Job, number>()
  maxWorkers: number
  size = 0
  running = 0
  queued = 0
  closed = false
  paused = false
  #order = 0
  #advancing = false
  #yielded = false
  #asleep = false
  #starts = 0
  /** When the turn of the loop began in which jobs start; 0 if that is not known. */
  #turn = 0

  constructor(options: WorkersOptions) {
    this.#options = options
    this.#keys = new Keys(options.keyLimit, this.#queue)
    this.parent = options.parent
    this.capacity = options.capacity
    this.maxWorkers = options.maxWorkers
  }

  /** Whether nothing is queued or runs. */
  get empty(): boolean {
    return this.queued === 0 && this.#candidates.size === 0 && this.#working.length === 0
  }

  /** Whether nothing is queued, and whatever runs waits for the pool. */
  get stalled(): boolean {
    return this.queued === 0 && this.#candidates.size === 0 && this.#working.length === this.#waiting.size
  }

  /** The job, of this pool, that the greenlet runs in. */
  jobOf(greenlet: Greenlet.Greenlet | undefined): Job | undefined {
    for (; greenlet !== undefined; greenlet = greenlet.parent) {
      if (isJob(greenlet) && greenlet.workers === this && !Nest.isDeserted(greenlet)) return greenlet
    }
    return undefined
  }

  /** Starts the job or, if it may be queued, queues it; answers whether there was room. */
  admit(job: Job, priority: number, mayBeQueued = true): boolean {
    if (this.#startable(job)) {
      this.#options.rate?.started(this.#options.now())
      this.#begin(job)
      return true
    }
    if (!mayBeQueued || this.queued >= this.capacity) return false
    this.#enqueue(job, priority)
    return true
  }

  /** Admits the job as soon as there is room, after those who have waited longer. */
  await(candidate: Candidate): void {
    this.#candidates.add(candidate)
    this.advance()
  }

  giveUp(candidate: Candidate): void {
    this.#candidates.delete(candidate)
  }

  /** Makes room: whom it costs the place, if anybody is queued. */
  dropOldest(): boolean {
    let victim = this.#queue.leastUrgent
    for (const parked of this.#keys.parked()) {
      const other = parked.leastUrgent
      if (other?.lane === undefined) continue
      const below = victim?.lane === undefined ? 1 : victim.lane.priority - other.lane.priority
      if (victim === undefined || below > 0 || (below === 0 && other.order < victim.order)) victim = other
    }
    if (victim === undefined) return false
    this.#dequeue(victim)
    victim.drop("outrun")
    return true
  }

  /** Takes a queued job out; answers whether it was queued. */
  remove(job: Job): boolean {
    if (!this.#isQueued(job)) return false
    this.#dequeue(job)
    this.advance()
    return true
  }

  /** Takes out all that is queued: how many. */
  clear(): number {
    const dropped = [...this.#queue]
    for (const parked of this.#keys.parked()) dropped.push(...parked)
    for (const job of dropped) this.#dequeue(job)
    for (const job of dropped) job.drop("interrupted")
    this.advance()
    return dropped.length
  }

  /** Puts a queued job behind those of the priority; answers whether it was queued. */
  setPriority(job: Job, priority: number): boolean {
    const lane = job.lane
    if (lane === undefined || !this.#isQueued(job)) return false
    lane.queue.remove(job, lane)
    job.order = this.#order++
    // Who is next of its key may be another one by that: this one, or one that waits behind it.
    this.#queue.add(job, priority)
    if (job.key !== undefined) this.#keys.next(job.key)
    this.advance()
    return true
  }

  resize(maxWorkers: number): void {
    this.maxWorkers = maxWorkers
    this.size = Math.max(this.running, Math.min(this.size, maxWorkers))
    this.advance()
  }

  pause(): void {
    this.paused = !this.closed
  }

  unpause(): void {
    this.paused = false
    this.advance()
  }

  /** Takes no more. What is queued goes on with the next `advance`. */
  close(): void {
    this.closed = true
    this.paused = false
    this.size = this.running
    const refused = [...this.#candidates]
    this.#candidates.clear()
    for (const candidate of refused) candidate.refused()
  }

  /** Interrupts the jobs, those that run or all of these; none of them starts because another one has ended by it. */
  interrupt(jobs: Iterable<Job> = this.#working): void {
    const advancing = this.#advancing
    this.#advancing = true
    for (const job of [...jobs]) job.interruptUnsafe()
    this.#advancing = advancing
    this.advance()
  }

  /** Resumes once the condition holds, until it is withdrawn. */
  when(condition: Condition): () => void {
    this.#conditions.add(condition)
    return () => this.#conditions.delete(condition)
  }

  /** Somebody in the job waits for the pool, until `waitNoMore`. */
  wait(job: Job): void {
    for (let each: Job | undefined = job; each !== undefined; each = Nest.hostOf(each)) {
      this.#waiting.set(each, (this.#waiting.get(each) ?? 0) + 1)
    }
    this.advance()
  }

  waitNoMore(job: Job): void {
    for (let each: Job | undefined = job; each !== undefined; each = Nest.hostOf(each)) {
      const count = this.#waiting.get(each) ?? 1
      if (count === 1) this.#waiting.delete(each)
      else this.#waiting.set(each, count - 1)
    }
  }

  /** Takes a certain job out of the queue, for a turn in another one. Its key has no say: it costs no worker. */
  takeOut(job: Job): boolean {
    if (!this.#isQueued(job) || !this.#inTime()) return false
    this.#dequeue(job)
    this.#options.rate?.started(this.#options.now())
    return true
  }

  /** A turn for whatever there is to do. */
  readonly anyTurn: Nest.Turn = {
    take: () => (this.paused ? undefined : (this.#next() ?? this.#nextParked() ?? this.#nextCandidate()))
  }

  /** A turn in the job is free, and somebody waits for it. */
  lend(job: Job): void {
    this.#lending.add(job)
  }

  keep(job: Job): void {
    this.#lending.delete(job)
  }

  /**
   * Whether the caller, who starts one job after the other, is to stop, since timers and input have waited long enough.
   * Then `next` is called after their turn.
   */
  yields(next: () => void): boolean {
    const overdue = this.#overdue()
    if (overdue) this.#options.yieldNow(next)
    return overdue
  }

  /** Gives back what the job had. Whoever calls it calls `advance` when he has told of the end. */
  release(job: Job): void {
    const { key, lane } = job
    if (lane !== undefined) this.#working.remove(job, lane)
    if (Nest.hostOf(job) !== undefined) return
    if (key !== undefined) this.#keys.ended(key)
    this.running--
    if (this.closed || this.size > this.maxWorkers) this.size--
  }

  /** Starts what may start, and resumes who has waited for it. */
  advance(): void {
    if (this.#advancing) return
    this.#advancing = true
    try {
      do {
        while (this.#startOne());
      } while (this.#admitOne() || this.#resumeWaiting())
    } finally {
      this.#advancing = false
    }
  }

  #startOne(): boolean {
    if (this.#yielded) return false
    const turn = this.#lending.size > 0
    if (!turn && (this.queued === 0 || this.paused || this.running >= this.maxWorkers)) return false
    if (this.#overdue()) {
      this.#yield()
      return false
    }
    for (const host of this.#lending) {
      const job = Nest.takeTurn(host)
      if (job === undefined) continue
      this.#lending.delete(host)
      this.#begin(job)
      return true
    }
    if (this.paused || this.running >= this.maxWorkers) return false
    const job = this.#next()
    if (job !== undefined) this.#begin(job)
    return job !== undefined
  }

  #admitOne(): boolean {
    if (this.#candidates.size === 0) return false
    for (const candidate of this.#candidates) {
      if (!this.admit(candidate.job, candidate.priority)) return false
      this.#candidates.delete(candidate)
      candidate.admitted()
      return true
    }
    return false
  }

  /** All that hold at this moment: who is resumed may change what the next one waits for. */
  #resumeWaiting(): boolean {
    let holding: Array<Condition> | undefined
    for (const condition of this.#conditions) if (condition.holds()) (holding ??= []).push(condition)
    if (holding === undefined) return false
    for (const condition of holding) this.#conditions.delete(condition)
    for (const condition of holding) condition.resume()
    return true
  }

  #begin(job: Job): void {
    if (Nest.hostOf(job) === undefined) {
      this.#keys.started(job.key)
      if (++this.running > this.size) this.size = this.running
    }
    this.#working.append(job)
    job.start()
  }

  #startable(job: Job): boolean {
    return (
      this.queued === 0 &&
      this.running < this.maxWorkers &&
      !this.paused &&
      !this.#yielded &&
      !this.#keys.isExhausted(job.key) &&
      this.#inTime()
    )
  }

  #enqueue(job: Job, priority: number): void {
    job.order = this.#order++
    this.#queue.add(job, priority)
    this.queued++
    this.advance()
  }

  #isQueued(job: Job): boolean {
    return job.lane !== undefined && job.lane.queue !== this.#working
  }

  #dequeue(job: Job): void {
    const lane = job.lane
    if (lane === undefined) return
    lane.queue.remove(job, lane)
    this.queued--
    // It may have been the next of its key.
    if (job.key !== undefined) this.#keys.next(job.key)
  }

  /** The first in the queue that may start, taken out of it. */
  #next(): Job | undefined {
    if (this.queued === 0 || !this.#inTime()) return undefined
    for (;;) {
      const job = this.#queue.first
      if (job?.lane === undefined) return undefined
      const { priority } = job.lane
      this.#queue.remove(job, job.lane)
      if (!this.#keys.isExhausted(job.key)) {
        this.queued--
        this.#options.rate?.started(this.#options.now())
        return job
      }
      this.#keys.park(job, priority)
    }
  }

  #nextParked(): Job | undefined {
    for (const { first } of this.#keys.parked()) if (first !== undefined && this.takeOut(first)) return first
    return undefined
  }

  #nextCandidate(): Job | undefined {
    if (this.#candidates.size === 0 || !this.#inTime()) return undefined
    for (const candidate of this.#candidates) {
      this.#candidates.delete(candidate)
      this.#options.rate?.started(this.#options.now())
      candidate.admitted()
      return candidate.job
    }
    return undefined
  }

  /** Whether one more may start by the rate; if not, it is looked again when one may. */
  #inTime(): boolean {
    const delay = this.#options.rate?.delay(this.#options.now()) ?? 0
    if (delay === 0) return true
    if (!this.#asleep) {
      this.#asleep = true
      this.#options.sleep(delay, () => {
        this.#asleep = false
        this.advance()
      })
    }
    return false
  }

  /** Whether so much has started from the queue, with nothing else in between, that timers and input have to wait. */
  #overdue(): boolean {
    if (++this.#starts % glance !== 0) return false
    const now = performance.now()
    if (this.#turn > 0) return now - this.#turn > patience
    this.#turn = now
    this.#options.yieldNow(() => {
      this.#turn = 0
    })
    return false
  }

  #yield(): void {
    this.#yielded = true
    this.#options.yieldNow(() => {
      this.#yielded = false
      this.advance()
    })
  }
}

const isJob = (greenlet: Greenlet.Greenlet): greenlet is Job => "workers" in greenlet
