/** The laws, on the event loop and real descriptors. */
import { describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { Green } from "green-core"
import { systemFixtures, turnsOfTheLoop, waitFdLaws } from "green-core/testing"

const laws = waitFdLaws({
  name: "event loop",
  run: (program) => Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(Green.layer))),
  settle: turnsOfTheLoop,
  fixtures: systemFixtures,
  capabilities: ["promise", "hangup", "error", "closed", "reuse", "file", "idle"]
})

describe("waitFd on the event loop", () => {
  for (const law of laws) it.skipIf(law.skipped !== undefined)(law.name, law.run)
})
