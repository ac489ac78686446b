/**
 * What runs in a job of a pool, in turns, and what the job runs in.
 *
 * A job has a worker to itself, or a turn in a job that waits for it, the host. Turns never need a second worker: nesting
 * cannot deadlock, and cannot exceed the size of the pool.
 */
import type { Job } from "./Job.ts"

/** Somebody in a job who waits for another, and would let it run there. */
export interface Turn {
  /** Takes the job that may run now, out of the queue if it is there. */
  readonly take: () => Job | undefined
}

/** Made when it is needed, which is seldom. */
export class Nest {
  host: Job | undefined
  /** The jobs that run in this one, and those that wait to. */
  guests = 0
  /** Whether one of them has the turn. */
  taken = false
  readonly turns = new Set<Turn>()
}

/** The job in which this one has a turn, unless it has a worker. */
export const hostOf = (job: Job): Job | undefined => job.nest?.host

/** Whether everybody has left: a fork that was left behind belongs to no worker any more. */
export const isDeserted = (job: Job): boolean => job.ended && (job.nest === undefined || job.nest.guests === 0)

/** Keeps the place of the job while it has guests. */
export const occupy = (job: Job): void => {
  nestOf(job).guests++
}

/** A guest has left. */
export const vacate = (job: Job): void => {
  nestOf(job).guests--
  leave(job)
}

/** To be called when the job has ended: it gives back its worker, or its turn, unless there are guests. */
export const leave = (job: Job): void => {
  if (!isDeserted(job)) return
  job.workers.release(job)
  const host = hostOf(job)
  if (host === undefined) return
  const nest = nestOf(host)
  nest.taken = false
  if (nest.turns.size > 0) job.workers.lend(host)
  vacate(host)
}

/** Waits for a turn in the job, until `withdraw`. */
export const wait = (job: Job, turn: Turn): void => {
  const nest = nestOf(job)
  nest.turns.add(turn)
  if (nest.taken) return
  job.workers.lend(job)
  job.workers.advance()
}

export const withdraw = (job: Job, turn: Turn): void => {
  const { turns } = nestOf(job)
  turns.delete(turn)
  if (turns.size === 0) job.workers.keep(job)
}

/** The job whose turn it is in this one, if it may run. */
export const takeTurn = (host: Job): Job | undefined => {
  const nest = nestOf(host)
  for (const turn of nest.turns) {
    const job = turn.take()
    if (job === undefined) continue
    nest.taken = true
    nest.guests++
    nestOf(job).host = host
    return job
  }
  return undefined
}

const nestOf = (job: Job): Nest => (job.nest ??= new Nest())
