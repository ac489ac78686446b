/**
 * Three ways to test a program that waits for descriptors, by giving it another handler. It stays the same program.
 * `docs/testing.md` tells more.
 */
import * as Cause from "effect/Cause"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import { Fd, FdIo, Green, type Lease, WaitFd, WouldBlock } from "green-core"
import { VirtualFds } from "green-core/testing"
import { constants } from "node:os"

// The program: it receives messages, each a length in four bytes and so many bytes of text, until the end.

class Truncated extends Data.TaggedError("Truncated")<{ readonly missing: number }> {
  override get message(): string {
    return `the stream ended, ${this.missing} bytes are missing`
  }
}

/** So many bytes; fewer at the end. */
const read = Effect.fnUntraced(function* (lease: Lease, length: number) {
  const bytes = Buffer.alloc(length)
  let have = 0
  while (have < length) {
    const count = yield* FdIo.read(lease, bytes.subarray(have))
    if (count === 0) break
    if (count === WouldBlock) yield* lease.wait("read")
    else have += count
  }
  return bytes.subarray(0, have)
})

const receiveMessages = Effect.fnUntraced(function* (fd: number) {
  const lease = yield* WaitFd.lease(fd)
  const messages: Array<string> = []
  for (;;) {
    const header = yield* read(lease, 4)
    if (header.length === 0) return messages
    if (header.length < 4) return yield* new Truncated({ missing: 4 - header.length })
    const length = header.readUInt32BE()
    const body = yield* read(lease, length)
    if (body.length < length) return yield* new Truncated({ missing: length - body.length })
    messages.push(body.toString())
  }
}, Effect.scoped)

const encode = (text: string): Uint8Array => {
  const body = Buffer.from(text)
  const header = Buffer.alloc(4)
  header.writeUInt32BE(body.length)
  return Buffer.concat([header, body])
}

// (a) Virtual descriptors: the test holds the other end of a socket, and nothing else is in the world.

/** How the program ends that is sent these bytes piece by piece, and the descriptor that it was given. */
const received = (bytes: Uint8Array, pieceLength: number) =>
  Effect.gen(function* () {
    const { fd, peer } = yield* VirtualFds.socket
    const receiving = yield* Effect.forkChild(receiveMessages(fd))
    const sending = Effect.gen(function* () {
      for (let at = 0; at < bytes.length; at += pieceLength) {
        yield* VirtualFds.settled
        yield* peer.send(bytes.subarray(at, at + pieceLength))
      }
      yield* peer.end
    })
    // Fails when the program has closed its side; how the program itself ended is asked next.
    yield* Effect.ignore(sending)
    return { exit: yield* Fiber.await(receiving), fd }
  })

const two = Buffer.concat([encode("hello"), encode("world")])

const inAVirtualWorld = Effect.gen(function* () {
  const atOnce = yield* received(two, two.length)
  const byteByByte = yield* received(two, 1)
  const cutOff = yield* received(two.subarray(0, two.length - 3), two.length)
  console.log(`(a) at once: ${describe(atOnce.exit)}`)
  console.log(`(a) byte by byte: ${describe(byteByByte.exit)}`)
  console.log(`(a) cut off: ${describe(cutOff.exit)}`)
}).pipe(Effect.provide(VirtualFds.layer))

const describe = (exit: Exit.Exit<ReadonlyArray<string>, Fd.FdError | Truncated>): string =>
  Exit.match(exit, {
    onSuccess: (messages) => messages.join(", "),
    onFailure: (cause) => String(Cause.squash(cause))
  })

// (b) A fault at every wait, one after the other: does the program fail as it should, and let go of its descriptor?

const failingWait = (which: number) => {
  let waits = 0
  return WaitFd.around((request, next) =>
    ++waits === which ? Effect.fail(Fd.system(request.fd, "wait", constants.errno.ECONNRESET)) : next()
  )
}

const withEveryFault = Effect.gen(function* () {
  for (let which = 1; ; which++) {
    const done = yield* Effect.gen(function* () {
      const { exit, fd } = yield* received(two, 6)
      const closed = Exit.isFailure(yield* Effect.exit(FdIo.read(fd, new Uint8Array(1))))
      const waiting = (yield* VirtualFds.waiting).length
      const outcome = `${describe(exit)}; ${closed ? "closed" : "still open"}, ${waiting} waiting`
      console.log(`(b) ${Exit.isSuccess(exit) ? "none" : `wait ${which}`} fails: ${outcome}`)
      return Exit.isSuccess(exit)
    }).pipe(Effect.provide(failingWait(which).pipe(Layer.provideMerge(Layer.fresh(VirtualFds.layer)))))
    if (done) return
  }
})

// (c) A handler of our own: who waits goes on when we say so.

const waiters = new Set<() => void>()

const byHand = Layer.succeed(
  WaitFd,
  WaitFd.fromClause((_request, resume) => {
    const wake = () => resume(Exit.succeed({ readable: true, writable: false, hangup: false, error: false }))
    waiters.add(wake)
    return () => waiters.delete(wake)
  })
)

const wakeAll = Effect.sync(() => {
  const all = [...waiters]
  waiters.clear()
  for (const wake of all) wake()
  return all.length
})

const withOurOwnHandler = Effect.gen(function* () {
  const { reader, writer } = yield* FdIo.makePipe
  const receiving = yield* Effect.forkChild(receiveMessages(reader), { startImmediately: true })
  console.log(`(c) woken for nothing: ${yield* wakeAll}`)
  yield* Effect.yieldNow
  yield* FdIo.write(writer, two)
  yield* FdIo.close(writer)
  console.log(`(c) woken again: ${yield* wakeAll}`)
  console.log(`(c) ${(yield* Fiber.join(receiving)).join(", ")}`)
}).pipe(Effect.provide(byHand.pipe(Layer.provideMerge(Green.layer))))

await Effect.runPromise(Effect.andThen(Effect.andThen(inAVirtualWorld, withEveryFault), withOurOwnHandler))
