/**
 * The system calls that this package makes, by FFI. Called by the handlers for real descriptors only.
 *
 * The constants are those of Linux on x64, arm64 and riscv64, with glibc and musl. Those that differ on macOS are asked of
 * the runtime, and a set is a kqueue there (`kqueue.ts`): not yet run. The library is loaded at the first use, so that a
 * place without it can still `wait`; in a worker thread, earlier.
 */
import * as Fs from "node:fs"
import { createRequire } from "node:module"
import * as Os from "node:os"
import { isMainThread } from "node:worker_threads"
import type * as Koffi from "koffi"
import * as Fd from "../Fd.ts"
import { EPOLL_CLOEXEC } from "./epoll.ts"
import { epollByKqueue } from "./kqueue.ts"
import { isDeno } from "./place.ts"

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
  /** Not on macOS. */
  readonly dup3: ((fd: number, place: number, flags: number) => number) | undefined
  /** The ends are non-blocking, and closed on exec. */
  readonly pipe: (ends: Int32Array) => number
  /** Two stream sockets, non-blocking, and closed on exec. */
  readonly socketPair: (ends: Int32Array) => number
  readonly threads: ThreadCalls | undefined
  readonly getFlags: (fd: number) => number
  readonly setFlags: (fd: number, flags: number) => number
}

/** Where nobody else tells that a thread has ended. */
export interface ThreadCalls {
  /** The number of this thread. */
  readonly current: () => number
  readonly isAlive: (thread: number) => boolean
}

/** Why there is none in this place. */
export interface Missing {
  readonly platform: string
  readonly problem: string
}

export * from "./epoll.ts"

const isDarwin = process.platform === "darwin"
export const { EAGAIN, EBADF, EEXIST, EINTR, ENOENT, EPERM } = Os.constants.errno
export const { O_NONBLOCK } = Fs.constants
export const SHUT_WR = 1
export const F_GETFL = 3
export const F_SETFL = 4
export const F_SETFD = 2
export const FD_CLOEXEC = 1
const O_CLOEXEC = 0x80000
export const AF_UNIX = 1
export const SOCK_STREAM = 1

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
  if (process.platform !== "linux" && !isDarwin)
    return { platform, problem: "there is neither epoll nor kqueue; waiting for descriptors needs Linux or macOS" }
  let koffi: typeof Koffi
  let library: ReturnType<typeof Koffi.load>
  try {
    koffi = createRequire(import.meta.url)("koffi")
    library = koffi.load(isDarwin ? "/usr/lib/libSystem.B.dylib" : null)
  } catch (cause) {
    return { platform, problem: `koffi could not be loaded: ${cause instanceof Error ? cause.message : String(cause)}` }
  }
  const fcntl = library.func("int fcntl(int fd, int command, ...)")
  const poll = library.func(`int poll(void *descriptors, unsigned ${isDarwin ? "int" : "long"} count, int timeout)`)
  const getFlags = (fd: number): number => fcntl(fd, F_GETFL)
  const setFlags = (fd: number, flags: number): number => fcntl(fd, F_SETFL, "int", flags)
  const close = library.func("int close(int fd)")
  const common = {
    koffi,
    errno: koffi.errno,
    poll,
    pollInThread: poll.async,
    read: library.func("intptr_t read(int fd, void *bytes, size_t length)"),
    write: library.func("intptr_t write(int fd, const void *bytes, size_t length)"),
    shutdown: library.func("int shutdown(int fd, int how)"),
    close,
    getFlags,
    setFlags
  }
  const socketPair = library.func("int socketpair(int domain, int type, int protocol, void *ends)")
  if (!isDarwin) {
    const pipe = library.func("int pipe2(void *ends, int flags)")
    return {
      ...common,
      threads: isDeno ? threadCalls(library) : undefined,
      dup3: library.func("int dup3(int fd, int place, int flags)"),
      epollCreate: library.func("int epoll_create1(int flags)"),
      epollControl: library.func("int epoll_ctl(int epfd, int op, int fd, void *event)"),
      epollWait: library.func("int epoll_wait(int epfd, void *events, int maxevents, int timeout)"),
      pipe: (ends) => pipe(ends, O_NONBLOCK | O_CLOEXEC),
      socketPair: (ends) => socketPair(AF_UNIX, SOCK_STREAM | O_NONBLOCK | O_CLOEXEC, 0, ends)
    }
  }
  /** Sets what Linux takes with the call. Closes both when it cannot. */
  const prepare = (result: number, ends: Int32Array): number => {
    if (result < 0) return result
    for (const end of ends) {
      if (fcntl(end, F_SETFD, "int", FD_CLOEXEC) >= 0 && setFlags(end, getFlags(end) | O_NONBLOCK) >= 0) continue
      const errno = koffi.errno()
      for (const each of ends) close(each)
      koffi.errno(errno)
      return -1
    }
    return result
  }
  const pipe = library.func("int pipe(void *ends)")
  return {
    ...common,
    threads: undefined,
    dup3: undefined,
    ...epollByKqueue({
      kqueue: library.func("int kqueue(void)"),
      kevent: library.func(
        "int kevent(int kq, const void *changes, int nchanges, void *events, int nevents, const void *timeout)"
      ),
      // The name of the one with inodes of 64 bits, where there is another.
      fstat: library.func(process.arch === "x64" ? "fstat$INODE64" : "fstat", "int", ["int", "void *"]),
      setErrno: (errno) => void koffi.errno(errno)
    }),
    pipe: (ends) => prepare(pipe(ends), ends),
    socketPair: (ends) => prepare(socketPair(AF_UNIX, SOCK_STREAM, 0, ends), ends)
  }
}

const threadCalls = (library: ReturnType<typeof Koffi.load>): ThreadCalls => {
  const tgkill = library.func("int tgkill(int process, int thread, int signal)")
  return {
    current: library.func("int gettid(void)"),
    isAlive: (thread) => tgkill(process.pid, thread, 0) === 0
  }
}

// A thread that is terminated while koffi is being loaded takes the process down. A worker thread has that behind it when
// it begins its work.
if (!isDeno && !isMainThread) libc()
