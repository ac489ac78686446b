/**
 * Counts the waits for descriptors, whoever carries them out.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Layer from "effect/Layer"
import { WaitFd } from "green-core"

export interface Counts {
  waits: number
  /** Waits that were answered. The others were given up, or failed. */
  wakeUps: number
}

export const counted = (counts: Counts): Layer.Layer<WaitFd, never, WaitFd> =>
  WaitFd.around((_request, next) => {
    counts.waits++
    return Effect.onExit(next(), (exit) =>
      Effect.sync(() => {
        if (Exit.isSuccess(exit)) counts.wakeUps++
      })
    )
  })
