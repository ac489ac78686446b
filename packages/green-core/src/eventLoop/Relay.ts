/**
 * The main thread watches the sets of worker threads: all of them are in one set of its own, and whose set has something
 * is told so. It opens nothing before a worker asks.
 *
 * A set is reported once for what is new (edge-triggered), since it is the worker that takes it. It is opened here for
 * the worker, and closed here when the worker has ended, however and whenever it ended. A worker that ends before it was
 * heard has opened nothing: what it said is dropped.
 */
import { isMainThread, type MessagePort } from "node:worker_threads"
import * as Fd from "../Fd.ts"
import * as Sys from "../internal/libc.ts"
import { isNode } from "../internal/place.ts"
import * as LoopWatcher from "./LoopWatcher.ts"
import * as ThreadWatcher from "./ThreadWatcher.ts"
import { doorbell, type FromMain, isWatchSet, type WatchSet } from "./relayed.ts"
import type { Watcher } from "./Watcher.ts"
import { whenGone } from "./whenGone.ts"

/** The largest number of sets that are told of in one call. */
const most = 64

/** A worker's. */
interface WatchedSet {
  readonly fd: number
  readonly port: MessagePort
}

class Relay {
  readonly #libc: Sys.Libc
  readonly #fd: number
  readonly #event = new Uint32Array(Sys.eventWords)
  readonly #events = new Uint32Array(Sys.eventWords * most)
  readonly #sets = new Map<number, WatchedSet>()
  readonly #watcher: Watcher
  #numbers = 0

  constructor(libc: Sys.Libc, fd: number) {
    this.#libc = libc
    this.#fd = fd
    const watched = { deliver: () => this.#ring(), failed: this.#fail }
    this.#watcher = isNode ? LoopWatcher.start(libc, fd, watched) : ThreadWatcher.start(libc, fd, watched)
  }

  /** Opens a set, and watches it as long as the port is open: its descriptor, or why there is none. */
  open({ port, thread }: WatchSet): number | Fd.FdErrorReason {
    const { close, epollControl, errno } = this.#libc
    const set = Sys.openSet(this.#libc)
    if (typeof set !== "number") return set
    const number = ++this.#numbers
    const event = this.#event
    event[0] = Sys.EPOLLIN | Sys.EPOLLET
    event[Sys.dataWord] = number
    if (epollControl(this.#fd, Sys.EPOLL_CTL_ADD, set, event) !== 0) {
      const { reason } = Fd.system(undefined, "epoll_ctl", errno())
      close(set)
      return reason
    }
    this.#sets.set(number, { fd: set, port })
    // The loop of Node watches by itself; a thread of the pool has to be blocked, which keeps the process.
    if (!isNode) this.#watcher.ref()
    port.addEventListener("close", () => this.#close(number, set))
    const { threads } = this.#libc
    if (threads !== undefined && thread !== undefined) whenGone(threads, thread, () => this.#close(number, set))
    return set
  }

  #close(number: number, set: number): void {
    if (!this.#sets.delete(number)) return
    // It fails if somebody has closed the set: then the number is another's by now.
    if (this.#libc.epollControl(this.#fd, Sys.EPOLL_CTL_DEL, set, this.#event) === 0) this.#libc.close(set)
    if (this.#sets.size === 0) this.#watcher.unref()
  }

  readonly #fail = (reason: Fd.FdErrorReason): void => {
    if (relay === this) relay = undefined
    for (const [number, { fd, port }] of this.#sets) {
      port.postMessage(reason satisfies FromMain)
      this.#close(number, fd)
      port.close()
    }
  }

  #ring(): boolean {
    const count = this.#libc.epollWait(this.#fd, this.#events, most, 0)
    for (let event = 0; event < count; event++) {
      const number = this.#events[event * Sys.eventWords + Sys.dataWord] ?? 0
      this.#sets.get(number)?.port.postMessage(doorbell satisfies FromMain)
    }
    return count === most
  }
}

let relay: Relay | undefined

const open = (): Relay | Fd.FdErrorReason => {
  if (relay !== undefined) return relay
  const libc = Sys.libc()
  if (Sys.isMissing(libc)) return { _tag: "Unsupported", ...libc }
  const set = Sys.openSet(libc)
  return typeof set === "number" ? (relay = new Relay(libc, set)) : set
}

const watch = (asked: WatchSet): void => {
  const { port } = asked
  const opened = open()
  // It would keep the process alive, as a port does.
  port.unref()
  let hasEnded = false
  port.addEventListener("close", () => {
    hasEnded = true
  })
  // By then the loop watches our set, and the kernel refuses to put the loop's into one that ours contains.
  LoopWatcher.whenWatched(() => {
    if (hasEnded) return
    const answer = opened instanceof Relay ? opened.open(asked) : opened
    port.postMessage((typeof answer === "number" ? { set: answer } : answer) satisfies FromMain)
    if (typeof answer !== "number") port.close()
  })
}

/** Watches from now on for every worker thread that asks. Nothing happens in a worker thread itself. */
export const listen = (): void => {
  if (!isMainThread) return
  process.on("workerMessage", (message: unknown) => {
    if (isWatchSet(message)) watch(message)
  })
}
