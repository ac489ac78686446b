/** The laws, in a blocked thread and on real descriptors. */
import { describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { type FdIo, Green, type Wait, type WaitFd } from "green-core"
import { type Capability, fdIoLaws, systemFixtures, waitFdLaws, waitLaws } from "green-core/testing"

const capabilities: ReadonlyArray<Capability> = ["blocking", "hangup", "error", "closed", "reuse", "file", "idle"]

const subject = {
  name: "Green.runSync",
  run: async (program: Effect.Effect<void, unknown, Wait | WaitFd | FdIo | Scope.Scope>) =>
    Green.runSync(Effect.scoped(program)),
  // The thread looks at its descriptors before it goes to sleep: what is ready by now is delivered in the meantime.
  settle: Effect.sleep("2 millis"),
  fixtures: systemFixtures,
  capabilities
}

describe("Green.runSync", () => {
  for (const [operation, laws] of [
    ["wait", waitLaws(subject)],
    ["waitFd", waitFdLaws(subject)],
    ["FdIo", fdIoLaws(subject)]
  ] as const) {
    describe(operation, () => {
      for (const law of laws) it.skipIf(law.skipped !== undefined)(law.name, law.run)
    })
  }
})
