/**
 * What a job said at its end, as the exit of its Effect.
 */
import * as Exit from "effect/Exit"
import type { JobRequest } from "../../GreenWorkers.ts"
import { JobError, type JobErrorReason } from "../../JobError.ts"
import { placeOf } from "../declared.ts"
import { fromThrown } from "../thrown.ts"
import { type Done, Ending } from "../wire.ts"

export const exitOf = (request: JobRequest, done: Done): Exit.Exit<unknown, unknown> => {
  switch (done[2]) {
    case Ending.success:
      return Exit.succeed(done[3])
    case Ending.threw: {
      const typed = request.decodeError(done[3])
      return typed === undefined
        ? failed(request, { _tag: "Threw", cause: fromThrown(done[3], placeOf(request.name)) })
        : Exit.fail(typed.error)
    }
    case Ending.notLoaded:
      return failed(request, { _tag: "NotLoaded", cause: fromThrown(done[3], placeOf(request.name)) })
    case Ending.notExported:
      return failed(request, { _tag: "NotExported", functions: done[3] })
    case Ending.promise:
      return failed(request, { _tag: "NotSynchronous" })
    case Ending.notCloneable:
      return failed(request, { _tag: "NotCloneable", part: "result", ...done[3] })
    case Ending.interrupted:
      return Exit.interrupt()
  }
}

/** The exit of a job that fails for a reason of ours. */
export const failed = ({ name }: { readonly name: string }, reason: JobErrorReason): Exit.Exit<never, JobError> =>
  Exit.fail(new JobError({ job: name, reason }))
