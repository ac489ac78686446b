/**
 * `waitFd` in a blocked thread: poll(2) tells what is ready at once, without registering it; the others wait in an epoll
 * set of the run's own, which the loop waits in.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fd from "../Fd.ts"
import * as Handler from "../Handler.ts"
import { isMissing, type Libc, libc, POLLNVAL } from "../internal/libc.ts"
import { directionsOf, eventsFor, readiness, readyBy } from "../internal/readiness.ts"
import { systemLeases } from "../internal/systemLeases.ts"
import type { WaitFd } from "../WaitFd.ts"
import type { WaitFdClause, WaitFdRequest } from "../WaitFdHandler.ts"
import type { Loop } from "./Loop.ts"

export const make = (loop: Loop): WaitFd["Service"] => {
  /** Only when nobody waits in this run: one who came later would otherwise overtake. */
  const atOnce = (request: WaitFdRequest): Exit.Exit<Fd.Readiness, Fd.FdError> | undefined => {
    if (loop.waited || loop.closed) return undefined
    const system = libc()
    return isMissing(system) ? undefined : ask(system, request)
  }

  const enlist: WaitFdClause = (request, resume) => {
    const set = loop.descriptors(request.fd)
    if (set instanceof Fd.FdError) {
      resume(Exit.fail(set))
      return Handler.nothingToWithdraw
    }
    return set.register(request, resume)
  }

  return {
    wait: (request) => Effect.suspend(() => atOnce(request) ?? Handler.perform(enlist, request)),
    register: (request, resume, context) => {
      const ready = atOnce(request)
      if (ready === undefined) return enlist(request, resume, context)
      resume(ready)
      return Handler.nothingToWithdraw
    },
    account: {
      leased: systemLeases,
      notifyClosing: (fd) => loop.notifyClosing(fd),
      statistics: () => loop.statistics
    }
  }
}

/** `struct pollfd`: the descriptor, then 16 bits of what is asked for and 16 of what is answered. */
const question = new Int32Array(2)

/** What a descriptor is ready for at this moment, or nothing when it is not. */
const ask = (system: Libc, request: WaitFdRequest): Exit.Exit<Fd.Readiness, Fd.FdError> | undefined => {
  const directions = directionsOf(request.interest)
  question[0] = request.fd
  question[1] = eventsFor(directions)
  if (system.poll(question, 1, 0) <= 0) return undefined
  const events = question[1] >>> 16
  // Told here and not by the set: the set would perhaps be opened under this very number.
  if ((events & POLLNVAL) !== 0) return Exit.fail(Fd.badDescriptor(request.fd, "wait"))
  return readiness(directions, readyBy(events), events)
}
