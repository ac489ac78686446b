/** The laws, in a blocked thread and on real descriptors. */
import * as Effect from "effect/Effect"
import { Green } from "green-core"
import { systemFixtures } from "green-core/testing"
import { describeLaws } from "../support/laws.ts"

describeLaws({
  name: "Green.runSync",
  run: async (program) => Green.runSync(Effect.scoped(program)),
  // The thread looks at its descriptors before it goes to sleep: what is ready by now is delivered in the meantime.
  settle: Effect.sleep("2 millis"),
  fixtures: systemFixtures,
  capabilities: ["blocking", "hangup", "error", "closed", "reuse", "file", "idle"]
})
