/** A model of kqueue(2) of macOS, and a set on it. */
import { assert } from "@effect/vitest"
import * as Exit from "effect/Exit"
import type { Interest, Readiness } from "green-core/Fd"
import { EpollSet } from "../../src/internal/EpollSet.ts"
import { epollByKqueue } from "../../src/internal/kqueue.ts"
import { isMissing, libc, openSet } from "../../src/internal/libc.ts"
import {
  EV_ADD,
  EV_CLEAR,
  EV_DELETE,
  EV_DISABLE,
  EV_DISPATCH,
  EV_ENABLE,
  EV_ERROR,
  EV_RECEIPT,
  EVFILT_READ as READ,
  kevent
} from "./macOs.ts"

export { EV_EOF, EVFILT_READ as READ, EVFILT_WRITE as WRITE } from "./macOs.ts"

const ENOENT = 2
export const EINTR = 4
export const EBADF = 9
export const EINVAL = 22
export const EPIPE = 32

interface Knote {
  readonly fd: number
  readonly filter: number
  mode: number
  enabled: boolean
  user: bigint
}

/** What a descriptor of the model is, and what it is ready for. */
interface File {
  readonly mode?: number
  readonly device?: number
  readonly refuses?: { readonly filter: number; readonly errno: number }
  ready: Partial<Record<number, { readonly flags?: number; readonly filterFlags?: number }>>
}

const view = (words: Uint32Array) => new DataView(words.buffer, words.byteOffset, words.byteLength)

export const model = () => {
  const files = new Map<number, File>()
  const knotes = new Map<string, Knote>()
  const calls: Array<string> = []
  const timeouts: Array<ReadonlyArray<number> | null> = []
  let errno = 0
  let failure: number | undefined

  const change = (fd: number, filter: number, flags: number, user: bigint): number => {
    const file = files.get(fd)
    if (file === undefined) return EBADF
    const key = `${fd} ${filter}`
    let knote = knotes.get(key)
    if (knote === undefined) {
      if ((flags & EV_ADD) === 0) return ENOENT
      if (file.refuses?.filter === filter) return file.refuses.errno
      knotes.set(key, (knote = { fd, filter, mode: flags & (EV_CLEAR | EV_DISPATCH), enabled: true, user }))
    }
    knote.user = user
    if ((flags & EV_DELETE) !== 0) knotes.delete(key)
    if ((flags & (EV_ADD | EV_ENABLE)) !== 0) knote.enabled = true
    if ((flags & EV_DISABLE) !== 0) knote.enabled = false
    return 0
  }

  const kqueue = epollByKqueue({
    kqueue: () => 3,
    kevent: (_queue, changes, changeCount, events, eventCount, timeout) => {
      if (failure !== undefined) {
        errno = failure
        return -1
      }
      timeouts.push(timeout === null ? null : [...timeout])
      if (changes !== null) {
        const memory = view(changes)
        for (let index = 0; index < changeCount; index++) {
          const at = index * kevent.size
          const fd = Number(memory.getBigUint64(at, true))
          const filter = memory.getInt16(at + kevent.filter, true)
          const flags = memory.getUint16(at + kevent.flags, true)
          assert.strictEqual(flags & EV_RECEIPT, EV_RECEIPT)
          calls.push(`${fd} ${filter === READ ? "read" : "write"} ${named(flags)}`)
          const result = change(fd, filter, flags, memory.getBigUint64(at + kevent.user, true))
          memory.setUint16(at + kevent.flags, EV_ERROR, true)
          memory.setBigInt64(at + kevent.data, BigInt(result), true)
        }
        return changeCount
      }
      if (events === null) return 0
      const memory = view(events)
      let told = 0
      for (const knote of knotes.values()) {
        const ready = files.get(knote.fd)?.ready[knote.filter]
        if (!knote.enabled || ready === undefined || told === eventCount) continue
        if (knote.mode === EV_DISPATCH) knote.enabled = false
        const at = told++ * kevent.size
        memory.setBigUint64(at, BigInt(knote.fd), true)
        memory.setInt16(at + kevent.filter, knote.filter, true)
        memory.setUint16(at + kevent.flags, knote.mode | (ready.flags ?? 0), true)
        memory.setUint32(at + kevent.filterFlags, ready.filterFlags ?? 0, true)
        memory.setBigUint64(at + kevent.user, knote.user, true)
      }
      return told
    },
    fstat: (fd, status) => {
      const file = files.get(fd)
      if (file === undefined) {
        errno = EBADF
        return -1
      }
      const memory = new DataView(status.buffer)
      memory.setUint16(4, file.mode ?? 0xc000, true)
      memory.setInt32(24, file.device ?? 0, true)
      return 0
    },
    setErrno: (value) => {
      errno = value
    }
  })
  const system = libc()
  if (isMissing(system)) throw new Error(system.problem)
  const fake = { ...system, ...kqueue, errno: () => errno, close: () => 0 }
  const fd = openSet(fake)
  if (typeof fd !== "number") throw new Error("no set")
  const set = new EpollSet(fake, fd)
  const told: Array<Readiness | string> = []
  return {
    kqueue,
    /** Makes every call of kevent(2) fail. */
    fail: (errno: number) => {
      failure = errno
    },
    files,
    calls,
    timeouts,
    set,
    told,
    open: (fd: number, file: Partial<File> = {}): File => {
      const opened: File = { ready: {}, ...file }
      for (const key of knotes.keys()) if (key.startsWith(`${fd} `)) knotes.delete(key)
      files.set(fd, opened)
      return opened
    },
    wait: (fd: number, interest: Interest) =>
      set.register({ fd, interest, exclusive: false }, (exit) => {
        told.push(Exit.match(exit, { onSuccess: (readiness) => readiness, onFailure: (cause) => String(cause) }))
      })
  }
}

const named = (flags: number): string =>
  Object.entries({ EV_ADD, EV_DELETE, EV_ENABLE, EV_DISABLE, EV_CLEAR, EV_DISPATCH })
    .filter(([, flag]) => (flags & flag) !== 0)
    .map(([name]) => name.slice(3))
    .join(" ")
