/**
 * The system calls of the programs that are measured, by FFI.
 */
import * as Effect from "effect/Effect"
import { FdIo } from "green-core"
import { createRequire } from "node:module"

interface Koffi {
  readonly errno: () => number
  readonly load: (path: null) => { readonly func: <Call>(declaration: string) => Call }
}

// That of green-core: the same machine code on both sides.
const koffi: Koffi = createRequire(import.meta.resolve("green-core"))("koffi")
const library = koffi.load(null)

type Transfer = (fd: number, bytes: Uint8Array, length: number) => number

export const read = library.func<Transfer>("intptr_t read(int fd, void *bytes, size_t length)")
export const write = library.func<Transfer>("intptr_t write(int fd, const void *bytes, size_t length)")
export const errno = koffi.errno

export const EAGAIN = 11
const EFD_NONBLOCK_CLOEXEC = 0x80800

const eventfd = library.func<(count: number, flags: number) => number>("int eventfd(unsigned int count, int flags)")
const closeFd = library.func<(fd: number) => number>("int close(int fd)")

/** Makes descriptors that are never ready (`count` 0) or always (`count` 1). */
export const makeEvents = (descriptors: number, count: 0 | 1): ReadonlyArray<number> =>
  Array.from({ length: descriptors }, () => {
    const fd = eventfd(count, EFD_NONBLOCK_CLOEXEC)
    if (fd < 0) throw new Error(`eventfd: errno ${errno()}; is "ulimit -n" over ${descriptors + 100}?`)
    return fd
  })

export const close = (fds: ReadonlyArray<number>): void => {
  for (const fd of fds) closeFd(fd)
}

/** Two connected non-blocking sockets. */
export const makeSocketPair: Effect.Effect<readonly [number, number], never, FdIo> = Effect.orDie(FdIo.makeSocketPair)
