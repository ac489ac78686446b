/** All the laws, of one handler. */
import { describe, it } from "@effect/vitest"
import { allLaws, type Handlers } from "./allLaws.ts"

export const describeLaws = <R = never>(subject: Handlers<R>): void => {
  describe(subject.name, () => {
    for (const [operation, laws] of allLaws(subject)) {
      describe(operation, () => {
        for (const law of laws) it.skipIf(law.skipped !== undefined)(law.name, law.run)
      })
    }
  })
}
