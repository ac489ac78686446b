/** The laws, on virtual descriptors. */
import { describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { FdIo, Wait, WaitFd } from "green-core"
import {
  type Capability,
  fdIoLaws,
  type Fixtures,
  fixtures,
  turnsOfTheLoop,
  VirtualFds,
  waitFdLaws,
  waitLaws
} from "green-core/testing"

const capabilities: ReadonlyArray<Capability> = ["promise", "hangup", "error", "closed", "reuse", "file", "idle"]

const virtualFixtures: Fixtures<FdIo | VirtualFds> = { ...fixtures, file: VirtualFds.file() }

const subject = {
  name: "virtual descriptors",
  run: (program: Effect.Effect<void, unknown, Wait | WaitFd | FdIo | VirtualFds | Scope.Scope>) =>
    Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(VirtualFds.layer))),
  settle: turnsOfTheLoop,
  fixtures: virtualFixtures,
  capabilities
}

describe("virtual descriptors", () => {
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
