/**
 * The main thread watches the sets of worker threads: all of them are in one set of its own, and whose set has something
 * is told so. It opens nothing before a worker asks.
 *
 * A set is reported once for what is new (edge-triggered), since it is the worker that takes it. It is closed here when
 * the worker has ended, however it ended: nobody else would.
 */
import { isMainThread, type MessagePort } from "node:worker_threads"
import * as Fd from "../Fd.ts"
import * as Sys from "../internal/libc.ts"
import * as LoopWatcher from "./LoopWatcher.ts"
import { doorbell, type FromMain, isWatchSet } from "./relayed.ts"

/** The largest number of sets that are told of in one call. */
const most = 64

interface Client {
  readonly set: number
  readonly port: MessagePort
}

class Relay {
  readonly #libc: Sys.Libc
  readonly #fd: number
  readonly #event = new Uint32Array(Sys.eventWords)
  readonly #events = new Uint32Array(Sys.eventWords * most)
  readonly #clients = new Map<number, Client>()
  #numbers = 0

  constructor(libc: Sys.Libc, fd: number) {
    this.#libc = libc
    this.#fd = fd
    LoopWatcher.start(libc, { fd, deliver: () => this.#ring(), failed: () => {} })
  }

  /** Answers an errno, 0 when done. */
  add(client: Client): number {
    const number = ++this.#numbers
    const event = this.#event
    event[0] = Sys.EPOLLIN | Sys.EPOLLET
    event[Sys.dataWord] = number
    const { epollControl, errno } = this.#libc
    if (epollControl(this.#fd, Sys.EPOLL_CTL_ADD, client.set, event) !== 0) return errno()
    this.#clients.set(number, client)
    client.port.on("close", () => this.#remove(number, client.set))
    return 0
  }

  /** Closes the set of a worker that has ended before it was watched. */
  close(set: number): void {
    this.#libc.close(set)
  }

  #remove(number: number, set: number): void {
    this.#clients.delete(number)
    // It fails if somebody has closed the set: then the number is another's by now.
    if (this.#libc.epollControl(this.#fd, Sys.EPOLL_CTL_DEL, set, this.#event) === 0) this.#libc.close(set)
  }

  #ring(): boolean {
    const count = this.#libc.epollWait(this.#fd, this.#events, most, 0)
    for (let event = 0; event < count; event++) {
      const number = this.#events[event * Sys.eventWords + Sys.dataWord] ?? 0
      this.#clients.get(number)?.port.postMessage(doorbell satisfies FromMain)
    }
    return count === most
  }
}

let relay: Relay | undefined

const open = (): Relay | Fd.FdErrorReason => {
  if (relay !== undefined) return relay
  const libc = Sys.libc()
  if (Sys.isMissing(libc)) return { _tag: "Unsupported", ...libc }
  const fd = libc.epollCreate(Sys.EPOLL_CLOEXEC)
  if (fd < 0) return Fd.system(undefined, "epoll_create1", libc.errno()).reason
  return (relay = new Relay(libc, fd))
}

const watch = (client: Client): void => {
  const refuse = (reason: Fd.FdErrorReason): void => {
    client.port.postMessage(reason satisfies FromMain)
    client.port.close()
  }
  const opened = open()
  if (!(opened instanceof Relay)) {
    refuse(opened)
    return
  }
  // It would keep the process alive, as a port does.
  client.port.unref()
  let hasEnded = false
  client.port.on("close", () => {
    hasEnded = true
  })
  // In the next turn the loop watches our set, and the kernel refuses one that contains the loop's.
  setImmediate(() => {
    if (hasEnded) {
      opened.close(client.set)
      return
    }
    const errno = opened.add(client)
    if (errno !== 0) refuse(Fd.system(undefined, "epoll_ctl", errno).reason)
  })
}

/** Watches from now on for every worker thread that asks. Nothing happens in a worker thread itself. */
export const listen = (): void => {
  if (!isMainThread) return
  process.on("workerMessage", (message: unknown) => {
    if (isWatchSet(message)) watch(message)
  })
}
