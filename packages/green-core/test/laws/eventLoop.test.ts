/** The laws, on the event loop and real descriptors. */
import { describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { type FdIo, Green, type Wait, type WaitFd } from "green-core"
import { type Capability, fdIoLaws, systemFixtures, turnsOfTheLoop, waitFdLaws, waitLaws } from "green-core/testing"

const capabilities: ReadonlyArray<Capability> = ["promise", "hangup", "error", "closed", "reuse", "file", "idle"]

const subject = {
  name: "event loop",
  run: (program: Effect.Effect<void, unknown, Wait | WaitFd | FdIo | Scope.Scope>) =>
    Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(Green.layer))),
  settle: turnsOfTheLoop,
  fixtures: systemFixtures,
  capabilities
}

describe("event loop", () => {
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
