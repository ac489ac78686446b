/**
 * kqueue(2) of macOS in the form of epoll: the three calls of a set, so that what is built on them is the same everywhere.
 *
 * Not yet run on macOS; tested against a model of the calls. The constants and `struct kevent` are those of XNU's
 * bsd/sys/event.h, the meaning of EV_EOF is that of its own poll(2) (`poll_callback` in bsd/kern/sys_generic.c).
 *
 * A descriptor has two knotes, one for each direction, from its ADD on: those that nobody asks for are disabled. So a MOD
 * of a number that was closed, and perhaps reused, finds none of them, and fails ENOENT as epoll's does.
 */
import * as Epoll from "./epoll.ts"
import type { Libc } from "./libc.ts"

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

/** `struct kevent` in 32-bit words: ident 2, filter and flags 1, fflags 1, data 2, udata 2. */
const words = 8
const kindWord = 2
const filterFlagsWord = 3
const resultWord = 4
const userWord = 6

const EVFILT_READ = 0xffff
const EVFILT_WRITE = 0xfffe
const EV_ADD = 0x0001
const EV_DELETE = 0x0002
const EV_ENABLE = 0x0004
const EV_DISABLE = 0x0008
const EV_CLEAR = 0x0020
const EV_RECEIPT = 0x0040
const EV_DISPATCH = 0x0080
const EV_ERROR = 0x4000
const EV_EOF = 0x8000

const EPIPE = 32

const directions = [
  { filter: EVFILT_READ, event: Epoll.EPOLLIN },
  { filter: EVFILT_WRITE, event: Epoll.EPOLLOUT }
] as const

/** `struct stat` has 144 bytes; `st_mode` follows the 32 bits of `st_dev` (bsd/sys/stat.h). */
const status = new Uint16Array(72)
const modeWord = 2
const S_IFMT = 0xf000
const S_IFDIR = 0x4000
const S_IFREG = 0x8000

export const epollByKqueue = ({
  fstat,
  kevent,
  kqueue,
  setErrno
}: KqueueCalls): Pick<Libc, "epollCreate" | "epollControl" | "epollWait"> => {
  const changes = new Uint32Array(2 * words)
  const timeout = new Int32Array(4)
  let buffer = new Uint32Array(words)
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
      const at = index * words
      changes[at] = fd
      changes[at + kindWord] = filter | (((flags[index] ?? 0) | EV_RECEIPT) << 16)
      changes[at + userWord] = event[Epoll.dataWord] ?? 0
      changes[at + userWord + 1] = event[Epoll.dataWord + 1] ?? 0
    }
    if (kevent(queue, changes, 2, changes, 2, null) < 0) return -1
    return [changes[resultWord] ?? 0, changes[words + resultWord] ?? 0] as const
  }

  const add = (queue: number, fd: number, event: Uint32Array): number => {
    if (fstat(fd, status) < 0) return -1
    const kind = (status[modeWord] ?? 0) & S_IFMT
    if (kind === S_IFREG || kind === S_IFDIR) return failed(Epoll.EPERM)
    const mask = event[0] ?? 0
    const mode = (mask & Epoll.EPOLLET) !== 0 ? EV_CLEAR : EV_DISPATCH
    const flag = (asked: number) => EV_ADD | mode | ((mask & asked) !== 0 ? EV_ENABLE : EV_DISABLE)
    const errnos = change(queue, fd, [flag(Epoll.EPOLLIN), flag(Epoll.EPOLLOUT)], event)
    return errnos === -1 ? -1 : firstOf(errnos, mask)
  }

  /** The failure of a direction that was asked for. One that was not may be impossible, as writing to a kqueue is. */
  const firstOf = (errnos: readonly [number, number], mask: number): number => {
    for (const [index, { event }] of directions.entries()) {
      const errno = errnos[index] ?? 0
      // A pipe without its reader takes no knote for writing: the write tells.
      if ((mask & event) !== 0 && errno !== 0) return failed(errno === EPIPE ? Epoll.EPERM : errno)
    }
    return 0
  }

  const modify = (queue: number, fd: number, event: Uint32Array): number => {
    const mask = event[0] ?? 0
    const flag = (asked: number) => ((mask & asked) !== 0 ? EV_ENABLE | EV_DISPATCH : EV_DISABLE)
    const errnos = change(queue, fd, [flag(Epoll.EPOLLIN), flag(Epoll.EPOLLOUT)], event)
    if (errnos === -1) return -1
    const [reading, writing] = errnos
    if (reading !== 0 && writing !== 0) return failed(reading)
    // A direction without a knote could not be added then: why, is told by adding it now.
    return firstOf(errnos, mask) === 0 ? 0 : add(queue, fd, event)
  }

  const remove = (queue: number, fd: number, event: Uint32Array): number => {
    const errnos = change(queue, fd, [EV_DELETE, EV_DELETE], event)
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
      if (buffer.length < most * words) buffer = new Uint32Array(most * words)
      // `struct timespec`: two of 64 bits.
      timeout[0] = Math.floor(milliseconds / 1000)
      timeout[2] = (milliseconds % 1000) * 1_000_000
      const count = kevent(queue, null, 0, buffer, most, milliseconds < 0 ? null : timeout)
      if (count < 0) return -1
      let told = 0
      places.clear()
      for (let index = 0; index < count; index++) {
        const at = index * words
        const low = buffer[at + userWord] ?? 0
        const high = buffer[at + userWord + 1] ?? 0
        const key = low + high * 2 ** 32
        const place = places.get(key) ?? told++
        const word = place * Epoll.eventWords
        if (!places.has(key)) {
          places.set(key, place)
          events[word] = 0
          events[word + Epoll.dataWord] = low
          events[word + Epoll.dataWord + 1] = high
        }
        events[word] = (events[word] ?? 0) | meaning(buffer[at + kindWord] ?? 0, buffer[at + filterFlagsWord] ?? 0)
      }
      return told
    }
  }
}

/** The bits of epoll. With EV_EOF, the filter's own flags are the error of the socket. */
const meaning = (kind: number, filterFlags: number): number => {
  const flags = kind >>> 16
  const isEnd = (flags & EV_EOF) !== 0
  const isError = (flags & EV_ERROR) !== 0 || (isEnd && filterFlags !== 0)
  const event = (kind & 0xffff) === EVFILT_READ ? Epoll.EPOLLIN : isEnd ? 0 : Epoll.EPOLLOUT
  return event | (isEnd ? Epoll.EPOLLHUP : 0) | (isError ? Epoll.EPOLLERR : 0)
}
