/**
 * kqueue(2) and kevent(2) of macOS, on Linux, for real descriptors: by epoll. As far as green-core asks for them, which
 * `kqueue.ts` beside this says in a model.
 */
import type * as Koffi from "koffi"
import * as Fs from "node:fs"
import * as Os from "node:os"
import {
  EV_ADD,
  EV_CLEAR,
  EV_DELETE,
  EV_DISABLE,
  EV_DISPATCH,
  EV_ENABLE,
  EV_EOF,
  EV_ERROR,
  EVFILT_READ,
  kevent
} from "./macOs.ts"

const IN = 1
const OUT = 4
const ERR = 8
const HUP = 0x10
const RDHUP = 0x2000
const ONESHOT = 0x40000000
const ET = 0x80000000
const [ADD, DELETE, MODIFY] = [1, 2, 3]
/** `struct epoll_event` is packed on x64. */
const epollEvent = process.arch === "x64" ? { size: 12, data: 4 } : { size: 16, data: 8 }

const { EBADF, EINVAL, ENOENT, EPIPE } = Os.constants.errno

interface Knote {
  readonly mode: number
  enabled: boolean
  user: bigint
}

/** The knotes of a number, as long as it means the same open file. */
interface Watched {
  readonly file: string
  readonly knotes: Map<number, Knote>
}

/** What is open under a number. A pipe and a socket have an inode of their own. */
const fileOf = (fd: number): string | undefined => {
  try {
    const { dev, ino } = Fs.fstatSync(fd)
    return `${dev} ${ino}`
  } catch {
    return undefined
  }
}

/** Of which kind that is, such as `pipe:[77]`. */
const kindOf = (fd: number): string => Fs.readlinkSync(`/proc/self/fd/${fd}`)

export const emulate = (koffi: typeof Koffi, libc: ReturnType<typeof Koffi.load>) => {
  const epollCreate = libc.func("int epoll_create1(int flags)")
  const epollControl = libc.func("int epoll_ctl(int epfd, int op, int fd, void *event)")
  const epollWait = libc.func("int epoll_wait(int epfd, void *events, int maxevents, int timeout)")
  const poll = libc.func("int poll(void *descriptors, unsigned long count, int timeout)")
  const queues = new Map<number, Map<number, Watched>>()

  const queueOf = (queue: number): Map<number, Watched> => {
    const known = queues.get(queue) ?? new Map<number, Watched>()
    queues.set(queue, known)
    return known
  }

  /** Knotes go when their number is closed. */
  const watchedOf = (queue: number, fd: number): Watched | undefined => {
    const watched = queueOf(queue).get(fd)
    if (watched === undefined || watched.file === fileOf(fd)) return watched
    queueOf(queue).delete(fd)
    return undefined
  }

  const control = (queue: number, operation: number, fd: number, events: number): number => {
    const event = new DataView(new ArrayBuffer(epollEvent.size))
    event.setUint32(0, events, true)
    event.setInt32(epollEvent.data, fd, true)
    return epollControl(queue, operation, fd, new Uint8Array(event.buffer))
  }

  /** Asks epoll for what is enabled, once: nothing else can be silenced when its number is closed. */
  const arm = (queue: number, fd: number, { knotes }: Watched): void => {
    let events = 0
    for (const [filter, { enabled, mode }] of knotes) {
      if (enabled) events |= (filter === EVFILT_READ ? IN | RDHUP : OUT) | (mode === EV_CLEAR ? ET : ONESHOT)
    }
    if (events === 0) control(queue, DELETE, fd, 0)
    else if (control(queue, MODIFY, fd, events) < 0) control(queue, ADD, fd, events)
  }

  /** Why a file takes no knote, or 0. */
  const refusal = (fd: number, filter: number): number => {
    if (filter === EVFILT_READ) return 0
    const kind = kindOf(fd)
    if (kind.includes("eventpoll")) return EINVAL
    if (!kind.includes("pipe:")) return 0
    const question = Int32Array.of(fd, 0)
    poll(question, 1, 0)
    return (((question[1] ?? 0) >>> 16) & ERR) !== 0 ? EPIPE : 0
  }

  const change = (queue: number, fd: number, filter: number, flags: number, user: bigint): number => {
    const file = fileOf(fd)
    const watched = watchedOf(queue, fd) ?? { file: file ?? "", knotes: new Map<number, Knote>() }
    const { knotes } = watched
    let knote = knotes.get(filter)
    if (knote === undefined) {
      if ((flags & EV_ADD) === 0) return ENOENT
      if (file === undefined) return EBADF
      const errno = refusal(fd, filter)
      if (errno !== 0) return errno
      knote = { mode: flags & (EV_CLEAR | EV_DISPATCH), enabled: true, user }
      knotes.set(filter, knote)
      queueOf(queue).set(fd, watched)
    }
    knote.user = user
    if ((flags & EV_DELETE) !== 0) knotes.delete(filter)
    if ((flags & (EV_ADD | EV_ENABLE)) !== 0) knote.enabled = true
    if ((flags & EV_DISABLE) !== 0) knote.enabled = false
    arm(queue, fd, watched)
    return 0
  }

  const tell = (
    queue: number,
    fd: number,
    events: number,
    told: (flags: number, filter: number, user: bigint, error: number) => void
  ): void => {
    const watched = watchedOf(queue, fd)
    if (watched === undefined) return
    for (const [filter, knote] of watched.knotes) {
      const ends = filter === EVFILT_READ ? HUP | RDHUP | ERR : HUP | ERR
      const concerns = ends | (filter === EVFILT_READ ? IN : OUT)
      if (!knote.enabled || (events & concerns) === 0) continue
      const isEnd = (events & ends) !== 0
      const isError = (events & ERR) !== 0 && kindOf(fd).includes("socket:")
      if (knote.mode === EV_DISPATCH) knote.enabled = false
      told(EV_ADD | knote.mode | (isEnd ? EV_EOF : 0), filter, knote.user, isError ? 54 : 0)
    }
    if ([...watched.knotes.values()].every(({ mode }) => mode === EV_DISPATCH)) arm(queue, fd, watched)
  }

  return {
    kqueue: (): number => {
      const queue: number = epollCreate(0x80000)
      queues.delete(queue)
      return queue
    },
    kevent: (
      queue: number,
      changes: Uint32Array | null,
      changeCount: number,
      events: Uint32Array | null,
      eventCount: number,
      timeout: Int32Array | null
    ): number => {
      if (changes !== null && changeCount > 0) {
        const memory = new DataView(changes.buffer, changes.byteOffset)
        for (let at = 0; at < changeCount * kevent.size; at += kevent.size) {
          const errno = change(
            queue,
            Number(memory.getBigUint64(at, true)),
            memory.getInt16(at + kevent.filter, true),
            memory.getUint16(at + kevent.flags, true),
            memory.getBigUint64(at + kevent.user, true)
          )
          memory.setUint16(at + kevent.flags, EV_ERROR, true)
          memory.setBigInt64(at + kevent.data, BigInt(errno), true)
        }
        return changeCount
      }
      if (events === null) return 0
      // A descriptor has two events at most.
      const most = Math.max(1, eventCount >> 1)
      const found = new Uint8Array(most * epollEvent.size)
      const milliseconds = timeout === null ? -1 : (timeout[0] ?? 0) * 1000 + Math.ceil((timeout[2] ?? 0) / 1_000_000)
      const count: number = epollWait(queue, found, most, milliseconds)
      if (count < 0) return count
      const memory = new DataView(events.buffer, events.byteOffset)
      const view = new DataView(found.buffer)
      let told = 0
      for (let index = 0; index < count; index++) {
        const fd = view.getInt32(index * epollEvent.size + epollEvent.data, true)
        tell(queue, fd, view.getUint32(index * epollEvent.size, true), (flags, filter, user, error) => {
          const at = told++ * kevent.size
          memory.setBigUint64(at, BigInt(fd), true)
          memory.setInt16(at + kevent.filter, filter, true)
          memory.setUint16(at + kevent.flags, flags, true)
          memory.setUint32(at + kevent.filterFlags, error, true)
          memory.setBigUint64(at + kevent.user, user, true)
        })
      }
      return told
    },
    /** Fills what is asked for of `struct stat`: the mode, and the device, of which /dev/null has another number there. */
    fstat: (fd: number, status: Uint16Array): number => {
      try {
        const { mode, rdev } = Fs.fstatSync(fd)
        const memory = new DataView(status.buffer, status.byteOffset)
        memory.setUint16(4, mode, true)
        memory.setInt32(24, rdev === Fs.statSync("/dev/null").rdev ? 0x03000002 : 0, true)
        return 0
      } catch {
        koffi.errno(EBADF)
        return -1
      }
    }
  }
}
