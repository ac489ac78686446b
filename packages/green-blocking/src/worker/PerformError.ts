/**
 * What an operation can throw in a job besides its own typed errors. Each class is a schema too, to be declared as an
 * error of a job that lets it out.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"

/**
 * The operation was performed where no job runs: in the host, in a thread that is none of a pool's, in code that goes on
 * when its job has ended. Call it within a function that `green` calls; in a test, within `InThread.run`.
 *
 * @category errors
 * @since 0.1.0
 */
export class MustBeInGreenlet extends Schema.TaggedError<MustBeInGreenlet>()("MustBeInGreenlet", {
  operation: Schema.String
}) {
  override get message(): string {
    return (
      `${this.operation} was performed where no job runs: it blocks its thread, so it can be performed only by a ` +
      "function that `green` calls in a worker of GreenWorkers, while that function runs"
    )
  }
}

/**
 * The operation was not answered within the time-out of the call. The host interrupts its handler, and a late answer is
 * dropped; the job may go on.
 *
 * @category errors
 * @since 0.1.0
 */
export class WaitTimeout extends Schema.TaggedError<WaitTimeout>()("WaitTimeout", {
  operation: Schema.String,
  milliseconds: Schema.Number
}) {
  override get message(): string {
    return `${this.operation} was not answered within ${this.milliseconds} ms`
  }
}

/**
 * The job is interrupted. It stays so: whatever it performs from now on throws this again. Let it through, so that
 * `finally` blocks run and the thread is free for the next job; it is ended when that takes longer than the grace of the
 * pool.
 *
 * @category errors
 * @since 0.1.0
 */
export class WaitInterrupted extends Schema.TaggedError<WaitInterrupted>()("WaitInterrupted", {
  operation: Schema.String
}) {
  override get message(): string {
    return `${this.operation}: the job is interrupted`
  }
}

/**
 * Why an operation was not performed, or its answer is none of its own.
 *
 * - `NotHandled`: the pool of this job has no such operation.
 * - `InvalidTimeout`: the time-out of the call is no duration.
 * - `InvalidPayload`: its schema refuses the payload.
 * - `InvalidResult`: its schema refuses what the handler answered, or something in it, whose place `problem` says,
 *   cannot be sent to another thread.
 * - `NotCloneable`: something in the payload, at `path`, cannot be sent to another thread.
 * - `Defect`: its handler died of `cause`.
 * - `HandlerInterrupted`: its handler interrupted itself.
 * - `InvalidReference`: the value of a shared reference is not what its schema, in the job, asks for.
 * - `Asynchronous`: it runs in this thread, and its handler did not answer at once.
 *
 * @category errors
 * @since 0.1.0
 */
export type PerformErrorReason = (typeof PerformErrorReason)["Type"]
const PerformErrorReason = Schema.Union([
  Schema.TaggedStruct("NotHandled", {}),
  Schema.TaggedStruct("InvalidTimeout", { value: Schema.String }),
  Schema.TaggedStruct("InvalidPayload", { problem: Schema.String }),
  Schema.TaggedStruct("InvalidResult", { problem: Schema.String }),
  Schema.TaggedStruct("NotCloneable", { path: Schema.String, problem: Schema.String }),
  Schema.TaggedStruct("Defect", { cause: Schema.Defect() }),
  Schema.TaggedStruct("HandlerInterrupted", {}),
  Schema.TaggedStruct("InvalidReference", { problem: Schema.String }),
  Schema.TaggedStruct("Asynchronous", {})
])

/**
 * The failure of an operation that is none of its typed errors.
 *
 * @category errors
 * @since 0.1.0
 */
export class PerformError extends Schema.TaggedError<PerformError>()("PerformError", {
  operation: Schema.String,
  reason: PerformErrorReason
}) {
  override get message(): string {
    return `${this.operation}: ${describe(this.reason)}`
  }

  override get cause(): unknown {
    return this.reason._tag === "Defect" ? this.reason.cause : undefined
  }
}

const describe = (reason: PerformErrorReason): string => {
  switch (reason._tag) {
    case "NotHandled":
      return "the pool of this job has no such operation; give its layer a group that contains it"
    case "InvalidTimeout":
      return `its time-out must be a duration from zero on, as "5 seconds" or milliseconds, and it is ${reason.value}`
    case "InvalidPayload":
      return `the payload is not what its schema asks for: ${reason.problem}`
    case "InvalidResult":
      return `its handler answered what cannot be given: ${reason.problem}`
    case "NotCloneable":
      return `payload${reason.path} cannot be sent to another thread: ${reason.problem}`
    case "Defect":
      return `its handler died: ${reason.cause instanceof Error ? reason.cause.message : String(reason.cause)}`
    case "HandlerInterrupted":
      return "its handler interrupted itself"
    case "InvalidReference":
      return `the caller's value is not what its schema asks for here: ${reason.problem}`
    case "Asynchronous":
      return "its handler waits for something, and this thread, which alone could bring it, is blocked by the call"
  }
}
