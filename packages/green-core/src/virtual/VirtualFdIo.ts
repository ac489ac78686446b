/**
 * `FdIo` on virtual descriptors.
 */
import * as Effect from "effect/Effect"
import * as Fd from "../Fd.ts"
import { type FdIo, WouldBlock } from "../FdIo.ts"
import type { DescriptorTable } from "./DescriptorTable.ts"
import { EAGAIN, type OpenFile } from "./OpenFile.ts"
import * as Pipe from "./Pipe.ts"
import * as SocketPair from "./SocketPair.ts"
import type { Waiters } from "./Waiters.ts"

/** `capacity` is that of a pipe, and of each direction of a socket pair. */
export const make = (table: DescriptorTable, waiters: Waiters, capacity: number): FdIo["Service"] => {
  const on = <A>(
    operation: string,
    fd: number,
    perform: (file: OpenFile) => Effect.Effect<A, Fd.FdError>
  ): Effect.Effect<A, Fd.FdError> =>
    Effect.suspend(() => {
      const file = table.get(fd)
      return file === undefined ? Effect.fail(Fd.badDescriptor(fd, operation)) : perform(file)
    })

  const transfer = (operation: "read" | "write", fd: number, bytes: Uint8Array) =>
    on<number | WouldBlock>(operation, fd, (file) => {
      const count = file[operation](bytes)
      waiters.wake(file)
      const blocks = count === -EAGAIN || (operation === "write" && count >= 0 && count < bytes.length)
      if (blocks && !file.nonBlocking) return Effect.fail(notGreen(fd, operation))
      if (count === -EAGAIN) return wouldBlock
      return count < 0 ? Effect.fail(Fd.system(fd, operation, -count)) : Effect.succeed(count)
    })

  return {
    read: (fd, bytes) => transfer("read", fd, bytes),
    write: (fd, bytes) => transfer("write", fd, bytes),
    shutdown: (fd) =>
      on("shutdown", fd, (file) => {
        const result = file.shutdown()
        waiters.wake(file)
        return result < 0 ? Effect.fail(Fd.system(fd, "shutdown", -result)) : Effect.void
      }),
    close: (fd) =>
      on("close", fd, (file) => {
        table.close(file)
        waiters.wake(file)
        return Effect.void
      }),
    makePipe: Effect.sync(() => {
      const { reader, writer } = Pipe.make(capacity)
      return { reader: table.open(reader), writer: table.open(writer) }
    }),
    makeSocketPair: Effect.sync(() => {
      const [one, another] = SocketPair.make(capacity)
      return [table.open(one), table.open(another)]
    }),
    isNonBlocking: (fd) => on("isNonBlocking", fd, (file) => Effect.succeed(file.nonBlocking || file.alwaysReady)),
    setNonBlocking: (fd, nonBlocking) =>
      on("setNonBlocking", fd, (file) =>
        Effect.sync(() => {
          file.nonBlocking = nonBlocking
        })
      )
  }
}

const wouldBlock = Effect.succeed<WouldBlock>(WouldBlock)

/** A real one would have stopped the whole thread here. */
const notGreen = (fd: number, operation: string): Fd.FdError =>
  new Fd.FdError({ fd, operation, reason: { _tag: "NotGreen" } })
