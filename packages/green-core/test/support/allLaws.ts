/** All the laws of one handler, for any place: it knows no test framework. */
import type { FdIo, Wait, WaitFd } from "green-core"
import { fdIoLaws, type Fixtures, type Law, type Subject, waitFdLaws, waitLaws } from "green-core/testing"

export interface Handlers<R> extends Subject<Wait | WaitFd | FdIo | R> {
  readonly fixtures: Fixtures<FdIo | R>
}

/** By the operation that they are about. */
export const allLaws = <R = never>(
  subject: Handlers<R>
): ReadonlyArray<readonly [operation: string, laws: ReadonlyArray<Law>]> => [
  ["wait", waitLaws(subject)],
  ["waitFd", waitFdLaws(subject)],
  ["FdIo", fdIoLaws(subject)]
]
