/**
 * kqueue(2) of macOS in the form of epoll: the three calls of a set, so that what is built on them is the same everywhere.
 *
 * Not yet run on macOS; tested against a model of the calls, and with an emulation of them by epoll. The meaning of EV_EOF
 * is that of XNU's own poll(2) (`poll_callback` in bsd/kern/sys_generic.c).
 *
 * A descriptor has two knotes, one for each direction, from its ADD on: those that nobody asks for are disabled. So a MOD
 * of a number that was closed, and perhaps reused, finds none of them, and fails ENOENT as epoll's does.
 */
import * as Os from "node:os"
import * as Epoll from "./epoll.ts"
import type { Libc } from "./libc.ts"
import * as Xnu from "./xnu.ts"

const { EPERM, EPIPE } = Os.constants.errno

/** The calls of macOS that it takes. Each answers -1 on failure. */
export interface KqueueCalls {
  readonly kqueue: () => number
  readonly kevent: (
    queue: number,
    changes: Uint32Array | null,
    changeCount: number,
    events: Uint32Array | null,
    eventCount: number,
    timeout: Int32Array | null
  ) => number
  readonly fstat: (fd: number, status: Uint16Array) => number
  readonly setErrno: (errno: number) => void
}

const directions = [
  { filter: Xnu.EVFILT_READ, event: Epoll.EPOLLIN },
  { filter: Xnu.EVFILT_WRITE, event: Epoll.EPOLLOUT }
] as const

const status = new Uint16Array(Xnu.statHalves)

/** What kqueue has nothing to tell of. */
const isAlwaysReady = (mode: number, device: number): boolean => {
  const kind = mode & Xnu.S_IFMT
  return kind === Xnu.S_IFREG || kind === Xnu.S_IFDIR || (kind === Xnu.S_IFCHR && device >>> 8 === Xnu.memoryDevices)
}

export const epollByKqueue = ({
  fstat,
  kevent,
  kqueue,
  setErrno
}: KqueueCalls): Pick<Libc, "epollCreate" | "epollControl" | "epollWait"> => {
  const changes = new Uint32Array(2 * Xnu.keventWords)
  /** `struct timespec`: two of 64 bits. */
  const timeout = new Int32Array(4)
  let buffer = new Uint32Array(Xnu.keventWords)
  /** Where in the answer an event of the same descriptor is. */
  const places = new Map<number, number>()

  const failed = (errno: number): number => {
    setErrno(errno)
    return -1
  }

  /** Changes both knotes: the errnos of both, 0 for done; or -1 when the call itself failed. */
  const change = (queue: number, fd: number, flags: readonly [number, number], event: Uint32Array) => {
    changes.fill(0)
    for (const [index, { filter }] of directions.entries()) {
      const at = index * Xnu.keventWords
      changes[at] = fd
      changes[at + Xnu.filterWord] = (filter & 0xffff) | (((flags[index] ?? 0) | Xnu.EV_RECEIPT) << 16)
      changes[at + Xnu.userWord] = event[Epoll.dataWord] ?? 0
      changes[at + Xnu.userWord + 1] = event[Epoll.dataWord + 1] ?? 0
    }
    if (kevent(queue, changes, 2, changes, 2, null) < 0) return -1
    return [changes[Xnu.dataWord] ?? 0, changes[Xnu.keventWords + Xnu.dataWord] ?? 0] as const
  }

  const add = (queue: number, fd: number, event: Uint32Array): number => {
    if (fstat(fd, status) < 0) return -1
    if (isAlwaysReady(status[Xnu.modeHalf] ?? 0, status[Xnu.deviceHalf] ?? 0)) return failed(EPERM)
    const mask = event[0] ?? 0
    const mode = (mask & Epoll.EPOLLET) !== 0 ? Xnu.EV_CLEAR : Xnu.EV_DISPATCH
    const flag = (asked: number) => Xnu.EV_ADD | mode | ((mask & asked) !== 0 ? Xnu.EV_ENABLE : Xnu.EV_DISABLE)
    const errnos = change(queue, fd, [flag(Epoll.EPOLLIN), flag(Epoll.EPOLLOUT)], event)
    return errnos === -1 ? -1 : firstOf(errnos, mask)
  }

  /** The failure of a direction that was asked for. One that was not may be impossible, as writing to a kqueue is. */
  const firstOf = (errnos: readonly [number, number], mask: number): number => {
    for (const [index, { event }] of directions.entries()) {
      const errno = errnos[index] ?? 0
      // A pipe without its reader takes no knote for writing: the write tells.
      if ((mask & event) !== 0 && errno !== 0) return failed(errno === EPIPE ? EPERM : errno)
    }
    return 0
  }

  const modify = (queue: number, fd: number, event: Uint32Array): number => {
    const mask = event[0] ?? 0
    const flag = (asked: number) => ((mask & asked) !== 0 ? Xnu.EV_ENABLE | Xnu.EV_DISPATCH : Xnu.EV_DISABLE)
    const errnos = change(queue, fd, [flag(Epoll.EPOLLIN), flag(Epoll.EPOLLOUT)], event)
    if (errnos === -1) return -1
    const [reading, writing] = errnos
    if (reading !== 0 && writing !== 0) return failed(reading)
    // A direction without a knote could not be added then: why, is told by adding it now.
    return firstOf(errnos, mask) === 0 ? 0 : add(queue, fd, event)
  }

  const remove = (queue: number, fd: number, event: Uint32Array): number => {
    const errnos = change(queue, fd, [Xnu.EV_DELETE, Xnu.EV_DELETE], event)
    if (errnos === -1) return -1
    return errnos[0] !== 0 && errnos[1] !== 0 ? failed(errnos[0]) : 0
  }

  return {
    // It is not inherited by a child: fork(2) leaves kqueues out.
    epollCreate: () => kqueue(),
    epollControl: (queue, operation, fd, event) =>
      operation === Epoll.EPOLL_CTL_ADD
        ? add(queue, fd, event)
        : operation === Epoll.EPOLL_CTL_DEL
          ? remove(queue, fd, event)
          : modify(queue, fd, event),
    epollWait: (queue, events, most, milliseconds) => {
      if (buffer.length < most * Xnu.keventWords) buffer = new Uint32Array(most * Xnu.keventWords)
      timeout[0] = Math.floor(milliseconds / 1000)
      timeout[2] = (milliseconds % 1000) * 1_000_000
      const count = kevent(queue, null, 0, buffer, most, milliseconds < 0 ? null : timeout)
      if (count < 0) return -1
      let told = 0
      places.clear()
      for (let index = 0; index < count; index++) {
        const at = index * Xnu.keventWords
        const low = buffer[at + Xnu.userWord] ?? 0
        const high = buffer[at + Xnu.userWord + 1] ?? 0
        const key = low + high * 2 ** 32
        const place = places.get(key) ?? told++
        const word = place * Epoll.eventWords
        if (!places.has(key)) {
          places.set(key, place)
          events[word] = 0
          events[word + Epoll.dataWord] = low
          events[word + Epoll.dataWord + 1] = high
        }
        events[word] =
          (events[word] ?? 0) | meaning(buffer[at + Xnu.filterWord] ?? 0, buffer[at + Xnu.filterFlagsWord] ?? 0)
      }
      return told
    }
  }
}

/** The bits of epoll. With Xnu.EV_EOF, the filter's own flags are the error of the socket. */
const meaning = (kind: number, filterFlags: number): number => {
  const flags = kind >>> 16
  const isEnd = (flags & Xnu.EV_EOF) !== 0
  const isError = (flags & Xnu.EV_ERROR) !== 0 || (isEnd && filterFlags !== 0)
  const event = (kind << 16) >> 16 === Xnu.EVFILT_READ ? Epoll.EPOLLIN : isEnd ? 0 : Epoll.EPOLLOUT
  return event | (isEnd ? Epoll.EPOLLHUP : 0) | (isError ? Epoll.EPOLLERR : 0)
}
