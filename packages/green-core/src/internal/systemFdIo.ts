/**
 * `FdIo` on the descriptors of the operating system. Shared by the handlers that wait for real descriptors.
 */
import * as Effect from "effect/Effect"
import * as Fd from "../Fd.ts"
import { type FdIo, WouldBlock } from "../FdIo.ts"
import * as Sys from "./libc.ts"

/** Calls the system; `perform` answers the result of the call, -1 for a failure. */
const call = <A>(
  operation: string,
  fd: number | undefined,
  perform: (libc: Sys.Libc) => number,
  answer: (result: number) => A
): Effect.Effect<A, Fd.FdError> =>
  Effect.suspend(() => {
    const libc = Sys.libc()
    if (Sys.isMissing(libc)) return Effect.fail(Fd.unsupported(fd, operation, libc.platform, libc.problem))
    for (;;) {
      const result = perform(libc)
      if (result >= 0) return Effect.succeed(answer(result))
      const errno = libc.errno()
      if (errno !== Sys.EINTR || operation === "close") return Effect.fail(Fd.system(fd, operation, errno))
    }
  })

const nothing = (): void => undefined

const transfer = (
  operation: "read" | "write",
  fd: number,
  bytes: Uint8Array
): Effect.Effect<number | WouldBlock, Fd.FdError> =>
  Effect.suspend((): Effect.Effect<number | WouldBlock, Fd.FdError> => {
    const libc = Sys.libc()
    if (Sys.isMissing(libc)) return Effect.fail(Fd.unsupported(fd, operation, libc.platform, libc.problem))
    const perform = libc[operation]
    for (;;) {
      const result = perform(fd, bytes, bytes.byteLength)
      if (result >= 0) return Effect.succeed(result)
      const errno = libc.errno()
      if (errno === Sys.EAGAIN) return wouldBlock
      if (errno !== Sys.EINTR) return Effect.fail(Fd.system(fd, operation, errno))
    }
  })

const wouldBlock = Effect.succeed<WouldBlock>(WouldBlock)

export const systemFdIo: FdIo["Service"] = {
  read: (fd, bytes) => transfer("read", fd, bytes),
  write: (fd, bytes) => transfer("write", fd, bytes),
  shutdown: (fd) => call("shutdown", fd, (libc) => libc.shutdown(fd, Sys.SHUT_WR), nothing),
  close: (fd) => call("close", fd, (libc) => libc.close(fd), nothing),
  makePipe: Effect.suspend(() => {
    const ends = new Int32Array(2)
    return call(
      "makePipe",
      undefined,
      (libc) => libc.pipe(ends),
      () => ({ reader: ends[0] ?? -1, writer: ends[1] ?? -1 })
    )
  }),
  makeSocketPair: Effect.suspend(() => {
    const ends = new Int32Array(2)
    return call(
      "makeSocketPair",
      undefined,
      (libc) => libc.socketPair(ends),
      () => [ends[0] ?? -1, ends[1] ?? -1] as const
    )
  }),
  isNonBlocking: (fd) =>
    call(
      "isNonBlocking",
      fd,
      (libc) => {
        const flags = libc.getFlags(fd)
        return flags < 0 || (flags & Sys.O_NONBLOCK) !== 0 ? flags : flagOfKind(libc, fd)
      },
      (flags) => (flags & Sys.O_NONBLOCK) !== 0
    ),
  setNonBlocking: (fd, nonBlocking) =>
    call(
      "setNonBlocking",
      fd,
      (libc) => {
        const flags = libc.getFlags(fd)
        return flags < 0 ? flags : libc.setFlags(fd, nonBlocking ? flags | Sys.O_NONBLOCK : flags & ~Sys.O_NONBLOCK)
      },
      nothing
    )
}

/**
 * What the flag amounts to for a descriptor without it: files, and the likes of /dev/null, never have to be waited for.
 * They are what epoll refuses. Answers -1 when it cannot be told.
 */
const flagOfKind = (libc: Sys.Libc, fd: number): number => {
  const epoll = libc.epollCreate(Sys.EPOLL_CLOEXEC)
  if (epoll < 0) return epoll
  const answer = libc.epollControl(epoll, Sys.EPOLL_CTL_ADD, fd, new Uint32Array(Sys.eventWords))
  const refused = answer < 0 && libc.errno() === Sys.EPERM
  libc.close(epoll)
  return refused ? Sys.O_NONBLOCK : 0
}
