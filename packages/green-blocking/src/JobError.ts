/**
 * How a job can fail: one error, with the reason as data. It names the job, so that an application with many of them
 * knows which one it was. And how a pool can: by its options only.
 *
 * @since 0.1.0
 */
import * as Data from "effect/Data"

/**
 * Why a job failed.
 *
 * - `Threw`: it threw `cause`, which is none of its declared errors.
 * - `NotCloneable`: something in its `arguments` or in its `result` cannot go from one thread to another. `path` says
 *   where it is, `problem` what it is.
 * - `InvalidReference`: the caller's value of `reference`, which the pool shares with its jobs, is refused by its schema or
 *   cannot go to another thread.
 * - `NotLoaded`: its module could not be loaded.
 * - `NotExported`: its module has no such function; `functions` are those that it has.
 * - `NotSynchronous`: it returned a promise.
 * - `NotAFile`: its URL is not one of a file.
 * - `WorkerFailed`: an error outside of any job's call, as in a timer or an event handler, ended its thread.
 * - `WorkerExited`: `process.exit` in its thread, with this code.
 * - `OutOfMemory`: its thread reached a limit of its memory.
 * - `NotStarted`: its thread could not be started.
 * - `CannotKill`: its thread did not end by the deadline. It is left behind and counted in the statistics; another one
 *   has taken its place.
 * - `NestedTooDeep`: it was called from within a job that was called from within a job, and so on: `depth` of them.
 * - `Closed`: the pool is closed.
 * - `Aborted`: its signal was aborted, with `cause`.
 *
 * @category errors
 * @since 0.1.0
 */
export type JobErrorReason =
  | { readonly _tag: "Threw"; readonly cause: unknown }
  | {
      readonly _tag: "NotCloneable"
      readonly part: "arguments" | "result"
      readonly path: string
      readonly problem: string
    }
  | { readonly _tag: "InvalidReference"; readonly reference: string; readonly problem: string }
  | { readonly _tag: "NotLoaded"; readonly cause: unknown }
  | { readonly _tag: "NotExported"; readonly functions: ReadonlyArray<string> }
  | { readonly _tag: "NotSynchronous" }
  | { readonly _tag: "NotAFile"; readonly url: string }
  | { readonly _tag: "WorkerFailed"; readonly cause: unknown }
  | { readonly _tag: "WorkerExited"; readonly code: number }
  | { readonly _tag: "OutOfMemory"; readonly cause: unknown }
  | { readonly _tag: "NotStarted"; readonly cause: unknown }
  | { readonly _tag: "CannotKill"; readonly milliseconds: number }
  | { readonly _tag: "NestedTooDeep"; readonly depth: number }
  | { readonly _tag: "Closed" }
  | { readonly _tag: "Aborted"; readonly cause: unknown }

/**
 * The failure of a job: `job` is the name of its function.
 *
 * @category errors
 * @since 0.1.0
 */
export class JobError extends Data.TaggedError("JobError")<{ readonly job: string; readonly reason: JobErrorReason }> {
  override get message(): string {
    return `${this.job}: ${describe(this.job, this.reason)}`
  }

  override get cause(): unknown {
    return "cause" in this.reason ? this.reason.cause : undefined
  }
}

const describe = (job: string, reason: JobErrorReason): string => {
  switch (reason._tag) {
    case "Threw":
      return `threw: ${messageOf(reason.cause)}`
    case "NotCloneable":
      return `${reason.part}${reason.path} cannot be sent to another thread: ${reason.problem}`
    case "InvalidReference":
      return `the value of ${reason.reference}, which the pool shares, cannot be sent: ${reason.problem}`
    case "NotLoaded":
      return `its module could not be loaded: ${messageOf(reason.cause)}`
    case "NotExported":
      return (
        `its module does not export a function of that name; ` +
        (reason.functions.length === 0 ? "it exports no function at all" : `it exports ${reason.functions.join(", ")}`)
      )
    case "NotSynchronous":
      return (
        `returned a promise, but a job has ended when it returns; make ${job} a synchronous function, and let it ` +
        "perform an operation for what is asynchronous"
      )
    case "NotAFile":
      return `its module must be a file of this program, and ${JSON.stringify(reason.url)} is not the URL of a file`
    case "WorkerFailed":
      return `its thread was ended by an error that nobody caught: ${messageOf(reason.cause)}`
    case "WorkerExited":
      return `its thread was ended by process.exit, with code ${reason.code}`
    case "OutOfMemory":
      return "its thread has no memory left; raise resourceLimits of the pool, or give it less to do"
    case "NotStarted":
      return `its thread could not be started: ${messageOf(reason.cause)}`
    case "CannotKill":
      return (
        `its thread was to be ended and goes on after ${reason.milliseconds} ms, as in a call of a native library; it ` +
        "is left behind, and another one has taken its place"
      )
    case "NestedTooDeep":
      return (
        `was called by an operation of a job, which was called by an operation of a job, and so on, ${reason.depth} ` +
        "deep; end the recursion, or raise maxDepth of the pool"
      )
    case "Closed":
      return "the pool of workers is closed; perform it within the scope of its layer"
    case "Aborted":
      return `its signal was aborted: ${messageOf(reason.cause)}`
  }
}

const messageOf = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause))

/**
 * An option of a pool of workers that makes no sense.
 *
 * @category errors
 * @since 0.1.0
 */
export class WorkersOptionError extends Data.TaggedError("WorkersOptionError")<{
  readonly option: string
  readonly value: unknown
  readonly expected: string
}> {
  override get message(): string {
    return `${this.option}: expected ${this.expected}, and it is ${String(this.value)}`
  }
}
