/**
 * `waitFd` on the event loop: one epoll set for the thread, opened at the first wait and watched by the loop.
 */
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Fd from "../Fd.ts"
import * as Handler from "../Handler.ts"
import { EpollSet } from "../internal/EpollSet.ts"
import { isMissing } from "../internal/libc.ts"
import { systemLeases } from "../internal/systemLeases.ts"
import { WaitFd } from "../WaitFd.ts"
import type { WaitFdClause } from "../WaitFdHandler.ts"
import * as Watcher from "./Watcher.ts"

/**
 * How many events are taken before timers, promises and other input get their turn. Who is resumed often makes another
 * descriptor ready; asking for more at once spares a turn of the loop, which costs about as much as an event.
 */
const most = 128

let opened: EpollSet | undefined

/** The set of this thread, or why there is none. */
const open = (fd: number): EpollSet | Fd.FdError => {
  if (opened !== undefined) return opened
  const watch = Watcher.find()
  if (isMissing(watch)) return Fd.unsupported(fd, "wait", watch.platform, watch.problem)

  let scheduled = false
  let delivering = false
  let alive = false

  // The process stays up while somebody waits. Waiters come and go in a delivery, so it is settled once after it.
  const keepAlive = (): void => {
    if (delivering || alive === set.waited) return
    alive = set.waited
    if (alive) watcher.ref()
    else watcher.unref()
  }
  const deliver = (): void => {
    scheduled = false
    delivering = true
    try {
      // Once even if nobody waits: what is left in the set would call again in every turn.
      for (let taken = 0; taken < most;) {
        const count = set.deliver(0)
        if (count === 0 || !set.waited) break
        taken += count
      }
    } finally {
      delivering = false
      keepAlive()
    }
  }

  const made = EpollSet.make(watch.libc, keepAlive)
  if (made instanceof Fd.FdError) return new Fd.FdError({ fd, operation: "wait", reason: made.reason })
  const set = made
  const watcher = watch.start(set.fd, () => {
    if (scheduled) return
    scheduled = true
    setImmediate(deliver)
  })
  return (opened = set)
}

const register: WaitFdClause = (request, resume) => {
  const set = opened ?? open(request.fd)
  if (set instanceof Fd.FdError) {
    resume(Exit.fail(set))
    return Handler.nothingToWithdraw
  }
  return set.register(request, resume)
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
