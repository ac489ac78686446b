/** Why a job failed. */
import * as Effect from "effect/Effect"
import { JobError, type JobErrorReason } from "green-blocking"

/** The reason of a job that fails. It dies if the job does not, or otherwise. */
export const reasonOf = <A, E, R>(job: Effect.Effect<A, E, R>): Effect.Effect<JobErrorReason, never, R> =>
  Effect.matchEffect(job, {
    onSuccess: (value) => Effect.die(new Error(`it did not fail, and gave ${String(value)}`)),
    onFailure: (error) => (error instanceof JobError ? Effect.succeed(error.reason) : Effect.die(error))
  })

/** The cause that a reason has, as text. */
export const causeOf = (reason: JobErrorReason): string =>
  "cause" in reason && reason.cause instanceof Error ? `${reason.cause.name}: ${reason.cause.message}` : "no error"
