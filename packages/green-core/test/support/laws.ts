/** All the laws, of one handler. */
import { describe, it } from "@effect/vitest"
import type { FdIo, Wait, WaitFd } from "green-core"
import { fdIoLaws, type Fixtures, type Subject, waitFdLaws, waitLaws } from "green-core/testing"

interface Handlers<R> extends Subject<Wait | WaitFd | FdIo | R> {
  readonly fixtures: Fixtures<FdIo | R>
}

export const describeLaws = <R = never>(subject: Handlers<R>): void => {
  describe(subject.name, () => {
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
}
