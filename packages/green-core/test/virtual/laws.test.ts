/** The laws, on virtual descriptors. */
import * as Effect from "effect/Effect"
import { fixtures, turnsOfTheLoop, VirtualFds } from "green-core/testing"
import { describeLaws } from "../support/laws.ts"

describeLaws<VirtualFds>({
  name: "virtual descriptors",
  run: (program) => Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(VirtualFds.layer))),
  settle: turnsOfTheLoop,
  fixtures: { ...fixtures, file: VirtualFds.file() },
  capabilities: ["promise", "hangup", "error", "closed", "reuse", "file", "idle"]
})
