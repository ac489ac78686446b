/**
 * `waitFd` on the event loop: one epoll set for the thread, opened at the first wait and watched by the loop.
 */
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Fs from "node:fs"
import * as Fd from "../Fd.ts"
import * as Handler from "../Handler.ts"
import { EpollSet } from "../internal/EpollSet.ts"
import { isMissing, libc } from "../internal/libc.ts"
import { systemLeases } from "../internal/systemLeases.ts"
import { WaitFd } from "../WaitFd.ts"
import type { WaitFdClause, WaitFdRequest } from "../WaitFdHandler.ts"
import * as Relay from "./Relay.ts"
import * as Watcher from "./Watcher.ts"

/**
 * How many events are taken before timers, promises and other input get their turn. Who is resumed often makes another
 * descriptor ready; asking for more at once spares a turn of the loop, which costs about as much as an event.
 */
const most = 128

let opened: EpollSet | undefined

/** Whether the loop watches the set by now: it begins at the end of the turn in which it is asked to. */
let watched = false

/** The set of this thread, or why there is none. */
const open = (fd: number): EpollSet | Fd.FdError => {
  if (opened !== undefined) return opened
  const system = libc()
  if (isMissing(system)) return Fd.unsupported(fd, "wait", system.platform, system.problem)

  let delivering = false
  let alive = false

  // The thread stays up while somebody waits. Waiters come and go in a delivery, so it is settled once after it.
  const keepAlive = (): void => {
    if (delivering || alive === set.waited) return
    alive = set.waited
    if (alive) watcher.ref()
    else watcher.unref()
  }
  const deliver = (): boolean => {
    delivering = true
    try {
      // Once even if nobody waits: what is left in the set would call again in every turn.
      for (let taken = 0; taken < most;) {
        const count = set.deliver(0)
        if (count === 0) return false
        if (!set.waited) break
        taken += count
      }
      return true
    } finally {
      delivering = false
      keepAlive()
    }
  }
  const failed = (reason: Fd.FdErrorReason): void => {
    opened = undefined
    watched = false
    set.fail(reason)
    set.close()
  }

  const made = EpollSet.make(system, keepAlive)
  if (made instanceof Fd.FdError) return new Fd.FdError({ fd, operation: "wait", reason: made.reason })
  const set = made
  const watcher = Watcher.start(system, { fd: set.fd, deliver, failed })
  setImmediate(() => {
    watched = true
  })
  return (opened = set)
}

// A worker thread may ask before the main thread itself ever waits for a descriptor.
Relay.listen()

const register: WaitFdClause = (request, resume) => {
  const set = opened ?? open(request.fd)
  if (set instanceof Fd.FdError) {
    resume(Exit.fail(set))
    return Handler.nothingToWithdraw
  }
  return watched || !isEpollSet(request.fd) ? set.register(request, resume) : registerInNextTurn(set, request, resume)
}

/**
 * The set of the loop itself, put into ours before the loop watches ours, would make the loop abort the process. A turn
 * later the kernel refuses it to us, and takes any other.
 */
const registerInNextTurn = (
  set: EpollSet,
  request: WaitFdRequest,
  resume: Handler.Resume<Fd.Readiness, Fd.FdError>
): Handler.Withdraw => {
  let withdraw: Handler.Withdraw = () => clearImmediate(turn)
  const turn = setImmediate(() => {
    withdraw = set.register(request, resume)
  })
  return () => withdraw()
}

const isEpollSet = (fd: number): boolean => {
  try {
    return Fs.readlinkSync(`/proc/self/fd/${fd}`) === "anon_inode:[eventpoll]"
  } catch {
    return false
  }
}

/** One service for the thread: two layers of it share the set and the leases. */
export const layer: Layer.Layer<WaitFd> = Layer.succeed(WaitFd, {
  wait: (request) => Handler.perform(register, request),
  register,
  account: {
    leased: systemLeases,
    notifyClosing: (fd) => opened?.notifyClosing(fd),
    statistics: () => opened?.statistics ?? { readers: 0, writers: 0, descriptors: 0 }
  }
})
