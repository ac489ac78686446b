/**
 * `waitFd` on the event loop: one epoll set for the thread, opened at the first wait and watched by the loop.
 */
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Fs from "node:fs"
import * as Fd from "../Fd.ts"
import * as Handler from "../Handler.ts"
import { EpollSet } from "../internal/EpollSet.ts"
import { isMissing, type Libc, libc } from "../internal/libc.ts"
import { systemLeases } from "../internal/systemLeases.ts"
import { WaitFd } from "../WaitFd.ts"
import type { WaitFdClause, WaitFdRequest, WaitFdStatistics } from "../WaitFdHandler.ts"
import { EarlyWaits } from "./EarlyWaits.ts"
import * as Relay from "./Relay.ts"
import * as Watcher from "./Watcher.ts"

/**
 * How many events are taken before timers, promises and other input get their turn. Who is resumed often makes another
 * descriptor ready; asking for more at once spares a turn of the loop, which costs about as much as an event.
 */
const most = 128

type Register = (request: WaitFdRequest, resume: Handler.Resume<Fd.Readiness, Fd.FdError>) => Handler.Withdraw

/** Who waits in this thread: in the set, or early, for as long as the set cannot take them. */
class Waits implements Watcher.Watched {
  readonly #libc: Libc
  readonly #early: EarlyWaits
  #set: EpollSet | undefined
  #watcher: Watcher.Watcher | undefined
  #delivering = false
  #alive = false
  register: Register

  constructor(libc: Libc) {
    this.#libc = libc
    this.#early = new EarlyWaits(this.#keepAlive)
    this.register = (request, resume) => {
      const set = this.#set
      // The set of the loop itself, put into ours before the loop watches ours, would make the loop abort the process. A
      // little later the kernel refuses it to us, and takes any other.
      const isEarly = set === undefined || isEpollSet(request.fd)
      return isEarly ? this.#early.register(request, resume) : set.register(request, resume)
    }
  }

  /** Opens the set, or tells why there is none. */
  static open(libc: Libc): Waits | Fd.FdErrorReason {
    const waits = new Waits(libc)
    const watcher = Watcher.start(libc, waits)
    if ("_tag" in watcher) return watcher
    waits.#watcher = watcher
    return waits
  }

  readonly opened = (set: number): void => {
    this.#set = new EpollSet(this.#libc, set, this.#keepAlive)
  }

  readonly watched = (): void => {
    const set = this.#set
    if (set === undefined) return
    this.register = set.register
    this.#early.moveTo(set.register)
  }

  readonly failed = (reason: Fd.FdErrorReason): void => {
    if (opened === this) opened = undefined
    this.#early.fail(reason)
    this.#set?.fail(reason)
  }

  readonly deliver = (): boolean => {
    const set = this.#set
    if (set === undefined) return false
    this.#delivering = true
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
      this.#delivering = false
      this.#keepAlive()
    }
  }

  notifyClosing(fd: number): void {
    this.#early.fail({ _tag: "Closing" }, fd)
    this.#set?.notifyClosing(fd)
  }

  /** Nobody waits for a descriptor both early and in the set. */
  get statistics(): WaitFdStatistics {
    const early = this.#early.statistics
    const { descriptors, readers, writers } = this.#set?.statistics ?? nobody
    return {
      readers: early.readers + readers,
      writers: early.writers + writers,
      descriptors: early.descriptors + descriptors
    }
  }

  // The thread stays up while somebody waits. Waiters come and go in a delivery, so it is settled once after it.
  readonly #keepAlive = (): void => {
    if (this.#delivering) return
    const waited = this.#early.waited || (this.#set !== undefined && this.#set.waited)
    if (this.#alive === waited) return
    this.#alive = waited
    if (waited) this.#watcher?.ref()
    else this.#watcher?.unref()
  }
}

let opened: Waits | undefined

const open = (fd: number): Waits | Fd.FdError => {
  const system = libc()
  if (isMissing(system)) return Fd.unsupported(fd, "wait", system.platform, system.problem)
  const waits = Waits.open(system)
  return waits instanceof Waits ? (opened = waits) : new Fd.FdError({ fd, operation: "wait", reason: waits })
}

// A worker thread may ask before the main thread itself ever waits for a descriptor.
Relay.listen()

const register: WaitFdClause = (request, resume) => {
  const waits = opened ?? open(request.fd)
  if (waits instanceof Fd.FdError) {
    resume(Exit.fail(waits))
    return Handler.nothingToWithdraw
  }
  return waits.register(request, resume)
}

const isEpollSet = (fd: number): boolean => {
  try {
    return Fs.readlinkSync(`/proc/self/fd/${fd}`) === "anon_inode:[eventpoll]"
  } catch {
    return false
  }
}

const nobody: WaitFdStatistics = { readers: 0, writers: 0, descriptors: 0 }

/** One service for the thread: two layers of it share the set and the leases. */
export const layer: Layer.Layer<WaitFd> = Layer.succeed(WaitFd, {
  wait: (request) => Handler.perform(register, request),
  register,
  account: {
    leased: systemLeases,
    notifyClosing: (fd) => opened?.notifyClosing(fd),
    statistics: () => opened?.statistics ?? nobody
  }
})
