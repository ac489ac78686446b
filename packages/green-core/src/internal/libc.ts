/**
 * The system calls that this package makes, by FFI. Called by the handlers for real descriptors only.
 *
 * Linux only: the constants are those of x64, arm64 and riscv64, glibc and musl. The library is loaded at the first
 * use, so that a place without it can still `wait`.
 */
import { createRequire } from "node:module"
import type * as Koffi from "koffi"
import * as Fd from "../Fd.ts"

export interface Libc {
  readonly koffi: typeof Koffi
  /** The calls answer -1 on failure; `errno` then says why. */
  readonly errno: () => number
  readonly epollCreate: (flags: number) => number
  readonly epollControl: (epoll: number, operation: number, fd: number, event: Uint32Array) => number
  readonly epollWait: (epoll: number, events: Uint32Array, most: number, milliseconds: number) => number
  readonly poll: (descriptors: Int32Array, count: number, milliseconds: number) => number
  /** The same, in a thread of the runtime's pool. */
  readonly pollInThread: (descriptors: Int32Array, count: number, milliseconds: number, done: () => void) => void
  readonly read: (fd: number, bytes: Uint8Array, length: number) => number
  readonly write: (fd: number, bytes: Uint8Array, length: number) => number
  readonly shutdown: (fd: number, how: number) => number
  readonly close: (fd: number) => number
  readonly pipe: (ends: Int32Array, flags: number) => number
  readonly socketPair: (domain: number, type: number, protocol: number, ends: Int32Array) => number
  readonly getFlags: (fd: number) => number
  readonly setFlags: (fd: number, flags: number) => number
}

/** Why there is none in this place. */
export interface Missing {
  readonly platform: string
  readonly problem: string
}

export const EPOLL_CTL_ADD = 1
export const EPOLL_CTL_DEL = 2
export const EPOLL_CTL_MOD = 3
export const EPOLL_CLOEXEC = 0x80000
export const EPOLLIN = 0x001
export const EPOLLOUT = 0x004
export const EPOLLERR = 0x008
export const EPOLLHUP = 0x010
export const POLLNVAL = 0x020
export const EPOLLET = 0x80000000
export const EPOLLONESHOT = 0x40000000
export const O_NONBLOCK = 0x800
export const O_CLOEXEC = 0x80000
export const AF_UNIX = 1
export const SOCK_STREAM = 1
export const SHUT_WR = 1
export const EPERM = 1
export const ENOENT = 2
export const EINTR = 4
export const EBADF = 9
export const EAGAIN = 11
export const EEXIST = 17
const F_GETFL = 3
const F_SETFL = 4

/** `struct epoll_event` in 32-bit words: packed on x64 (12 bytes), aligned elsewhere (16). */
export const eventWords = process.arch === "x64" ? 3 : 4
/** Where the 64 bits of user data start in it. */
export const dataWord = process.arch === "x64" ? 1 : 2

let loaded: Libc | undefined

/** A failure is not remembered: there may have been no descriptor left to load it with. */
export const libc = (): Libc | Missing => {
  if (loaded !== undefined) return loaded
  const found = load()
  if (!isMissing(found)) loaded = found
  return found
}

/** Opens a set: its descriptor, or why there is none. */
export const openSet = (libc: Libc): number | Fd.FdErrorReason => {
  const fd = libc.epollCreate(EPOLL_CLOEXEC)
  return fd < 0 ? Fd.system(undefined, "epoll_create1", libc.errno()).reason : fd
}

export const isMissing = <A extends object>(found: A | Missing): found is Missing => "problem" in found

const load = (): Libc | Missing => {
  const platform = `${process.platform} ${process.arch}`
  if (process.platform !== "linux")
    return { platform, problem: "there is no epoll; waiting for descriptors needs Linux" }
  let koffi: typeof Koffi
  let library: ReturnType<typeof Koffi.load>
  try {
    koffi = createRequire(import.meta.url)("koffi")
    library = koffi.load(null)
  } catch (cause) {
    return { platform, problem: `koffi could not be loaded: ${cause instanceof Error ? cause.message : String(cause)}` }
  }
  const fcntl = library.func("int fcntl(int fd, int command, ...)")
  const poll = library.func("int poll(void *descriptors, unsigned long count, int timeout)")
  return {
    koffi,
    errno: koffi.errno,
    epollCreate: library.func("int epoll_create1(int flags)"),
    epollControl: library.func("int epoll_ctl(int epfd, int op, int fd, void *event)"),
    epollWait: library.func("int epoll_wait(int epfd, void *events, int maxevents, int timeout)"),
    poll,
    pollInThread: poll.async,
    read: library.func("intptr_t read(int fd, void *bytes, size_t length)"),
    write: library.func("intptr_t write(int fd, const void *bytes, size_t length)"),
    shutdown: library.func("int shutdown(int fd, int how)"),
    close: library.func("int close(int fd)"),
    pipe: library.func("int pipe2(void *ends, int flags)"),
    socketPair: library.func("int socketpair(int domain, int type, int protocol, void *ends)"),
    getFlags: (fd) => fcntl(fd, F_GETFL),
    setFlags: (fd, flags) => fcntl(fd, F_SETFL, "int", flags)
  }
}
