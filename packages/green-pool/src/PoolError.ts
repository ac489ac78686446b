/**
 * Why a pool did not do what it was asked.
 *
 * @since 0.1.0
 */
import * as Data from "effect/Data"

/**
 * Work was given to a pool that has been shut down.
 *
 * @category errors
 * @since 0.1.0
 */
export class PoolClosed extends Data.TaggedError("PoolClosed")<{}> {
  override get message(): string {
    return "the pool was shut down and takes no more work; submit before its shutdown, or inside of its scope"
  }
}

/**
 * Work was given to a pool whose queue is full. `queued` is how many tasks waited, which is its capacity.
 *
 * @category errors
 * @since 0.1.0
 */
export class PoolFull extends Data.TaggedError("PoolFull")<{ readonly queued: number }> {
  override get message(): string {
    return `the pool has no free worker, and its queue is full: ${this.queued} tasks wait; try later, or have submit wait with overflow: "suspend"`
  }
}

/**
 * The task was dropped while it was queued, to make room for a newer one.
 *
 * @category errors
 * @since 0.1.0
 */
export class TaskDropped extends Data.TaggedError("TaskDropped")<{}> {
  override get message(): string {
    return 'the task was the oldest in a queue that was full, and made room for a newer one (overflow: "drop-oldest")'
  }
}

/**
 * An option of a pool that makes no sense.
 *
 * @category errors
 * @since 0.1.0
 */
export class PoolOptionError extends Data.TaggedError("PoolOptionError")<{
  readonly option: string
  readonly value: unknown
  readonly expected: string
}> {
  override get message(): string {
    return `${this.option}: expected ${this.expected}, and it is ${String(this.value)}`
  }
}

/**
 * The source of `map`, `imap` or `imapUnordered` threw, or rejected, with `cause`.
 *
 * @category errors
 * @since 0.1.0
 */
export class SourceError extends Data.TaggedError("SourceError")<{ readonly cause: unknown }> {
  override get message(): string {
    return `the source of the items failed: ${this.cause instanceof Error ? this.cause.message : String(this.cause)}`
  }
}
