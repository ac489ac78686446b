/**
 * A virtual world: descriptors, who waits for them, and the verdict on those who would wait for ever.
 *
 * Called by `VirtualFds`, which is its public face.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { Scheduler } from "effect/Scheduler"
import type * as Scope from "effect/Scope"
import * as Fd from "../Fd.ts"
import type { FdIo } from "../FdIo.ts"
import { promiseWait } from "../internal/promiseWait.ts"
import { Wait } from "../Wait.ts"
import { WaitFd } from "../WaitFd.ts"
import { DescriptorTable } from "./DescriptorTable.ts"
import { Quiescence } from "./Quiescence.ts"
import * as VirtualFdIo from "./VirtualFdIo.ts"
import { Waiters } from "./Waiters.ts"

export interface World {
  readonly table: DescriptorTable
  readonly waiters: Waiters
  readonly quiescence: Quiescence
  readonly waitFd: WaitFd["Service"]
  readonly io: FdIo["Service"]
}

/** Made around the scheduler, the clock and, if there is one, the `Wait` of the caller. It ends with the scope. */
export const make = (capacity: number): Effect.Effect<World, never, Scope.Scope> =>
  Effect.gen(function* () {
    const outside = yield* Effect.context()
    const table = new DescriptorTable()
    const quiescence = new Quiescence(
      {
        scheduler: Context.get(outside, Scheduler),
        clock: Context.get(outside, Clock.Clock),
        wait: Option.getOrElse(Context.getOption(outside, Wait), () => Wait.fromClause(promiseWait))
      },
      {
        any: () => waiters.any,
        release: () => {
          const reason: Fd.FdErrorReason = { _tag: "Deadlock", waiters: waiters.list() }
          waiters.fail((fd) => new Fd.FdError({ fd, operation: "wait", reason }))
        }
      }
    )
    const waiters = new Waiters(table, quiescence.scheduler.makeDispatcher(), quiescence.moved)
    yield* Effect.addFinalizer(() =>
      Effect.sync(() => {
        waiters.fail((fd) => Fd.closing(fd, "wait"))
        table.closeAll()
      })
    )
    return {
      table,
      waiters,
      quiescence,
      waitFd: WaitFd.fromClause(waiters.register),
      io: VirtualFdIo.make(table, waiters, capacity)
    }
  })
