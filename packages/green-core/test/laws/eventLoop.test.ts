/** The laws, on the event loop and real descriptors. */
import * as Effect from "effect/Effect"
import { Green } from "green-core"
import { systemFixtures, turnsOfTheLoop } from "green-core/testing"
import { describeLaws } from "../support/laws.ts"

describeLaws({
  name: "event loop",
  run: (program) => Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(Green.layer))),
  settle: turnsOfTheLoop,
  fixtures: systemFixtures,
  capabilities: ["promise", "hangup", "error", "closed", "reuse", "file", "idle"]
})
