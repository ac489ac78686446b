/** Collects garbage, in a turn of the loop of its own. */
import * as Effect from "effect/Effect"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"

export const collected = Effect.callback<void>((resume) => {
  setFlagsFromString("--expose-gc")
  const collect: () => void = runInNewContext("gc")
  setImmediate(() => {
    collect()
    resume(Effect.void)
  })
})
