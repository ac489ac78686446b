/**
 * What the kernel's events mean for who waits. epoll(7) and poll(2) use the same bits.
 */
import * as Exit from "effect/Exit"
import type * as Fd from "../Fd.ts"
import * as Sys from "./libc.ts"

export const READ = 1
export const WRITE = 2

/** The directions of an interest. */
export const directionsOf = (interest: Fd.Interest): number =>
  interest === "read" ? READ : interest === "write" ? WRITE : READ | WRITE

/** The events to ask for. */
export const eventsFor = (directions: number): number =>
  ((directions & READ) !== 0 ? Sys.EPOLLIN : 0) | ((directions & WRITE) !== 0 ? Sys.EPOLLOUT : 0)

/** The directions that events make ready: a hang-up and an error complete any wait. */
export const readyBy = (events: number): number =>
  (events & (Sys.EPOLLHUP | Sys.EPOLLERR)) !== 0
    ? READ | WRITE
    : ((events & Sys.EPOLLIN) !== 0 ? READ : 0) | ((events & Sys.EPOLLOUT) !== 0 ? WRITE : 0)

/** All sixteen outcomes, made once: a wake-up allocates none. */
const outcomes: ReadonlyArray<Exit.Exit<Fd.Readiness>> = Array.from({ length: 16 }, (_, bits) =>
  Exit.succeed({
    readable: (bits & READ) !== 0,
    writable: (bits & WRITE) !== 0,
    hangup: (bits & 4) !== 0,
    error: (bits & 8) !== 0
  })
)

/** The readiness of one who asked for some directions, when these are ready by these events. */
export const readiness = (asked: number, ready: number, events = 0): Exit.Exit<Fd.Readiness> => {
  const bits = (asked & ready) | ((events & Sys.EPOLLHUP) !== 0 ? 4 : 0) | ((events & Sys.EPOLLERR) !== 0 ? 8 : 0)
  const outcome = outcomes[bits]
  if (outcome === undefined) throw new RangeError(`no outcome for ${bits}`)
  return outcome
}
