/**
 * What is to run: the tasks that the fibers of a run have scheduled.
 *
 * They run in rounds, as in Effect's own scheduler: those of a lower priority number first, of one number in the order
 * in which they came; what they schedule is for the next round.
 */
type Task = () => void

interface Bucket {
  readonly priority: number
  readonly tasks: Array<Task>
}

const none: ReadonlyArray<Task> = []

export class Tasks {
  /** For the next round, by priority. */
  #buckets: Array<Bucket> = []
  /** This round. It is a field and not a local, so that a task that throws, or flushes, leaves the rest in place. */
  #round: ReadonlyArray<Task> = none
  #next = 0

  get pending(): boolean {
    return this.#next < this.#round.length || this.#buckets.length > 0
  }

  readonly add = (task: Task, priority: number): void => {
    const buckets = this.#buckets
    let index = buckets.length
    for (; index > 0; index--) {
      const before = buckets[index - 1]
      if (before === undefined || before.priority < priority) break
      if (before.priority === priority) {
        before.tasks.push(task)
        return
      }
    }
    buckets.splice(index, 0, { priority, tasks: [task] })
  }

  /** Finishes the round that a thrown error or a flush has left, or runs the next one. */
  readonly runRound = (): void => {
    if (this.#next === this.#round.length) this.#take()
    while (this.#next < this.#round.length) {
      const task = this.#round[this.#next++]
      task?.()
    }
    this.#round = none
    this.#next = 0
  }

  #take(): void {
    const [first, ...others] = this.#buckets
    this.#buckets = []
    this.#next = 0
    this.#round =
      first === undefined ? none : others.length === 0 ? first.tasks : first.tasks.concat(...others.map(tasksOf))
  }
}

const tasksOf = (bucket: Bucket): ReadonlyArray<Task> => bucket.tasks
