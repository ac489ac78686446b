/** What green-core does, each thing once: `npm run test:runtimes` tries it on every runtime. */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { FdIo, FdStream, Green, GreenLocal, GreenLock, GreenTask, type Wait, wait, WaitFd, waitFd } from "green-core"
import { VirtualFds } from "green-core/testing"
import { deepStrictEqual, strictEqual } from "node:assert"
import { once } from "node:events"
import { connect, createServer } from "node:net"

const aByte = Uint8Array.of(1)

/** Waits for what is not there yet, and then for what is. */
const untilWritten = Effect.gen(function* () {
  const pipe = yield* FdIo.makePipe
  const reader = yield* WaitFd.lease(pipe.reader)
  const writer = yield* WaitFd.lease(pipe.writer)
  const waiting = yield* Effect.forkChild(waitFd(reader), { startImmediately: true })
  yield* Effect.sleep("5 millis")
  yield* FdIo.write(writer, aByte)
  strictEqual((yield* Fiber.join(waiting)).readable, true)
  strictEqual((yield* waitFd(reader)).readable, true)
}).pipe(Effect.scoped)

const onTheLoop =
  <A, E>(program: Effect.Effect<A, E, FdIo | Wait | WaitFd>) =>
  (): Promise<A> =>
    Effect.runPromise(Effect.provide(program, Green.layer))

const socketOfTheRuntime = Effect.gen(function* () {
  const server = createServer((socket) => socket.on("error", () => {}).end("hello")).listen(0, "127.0.0.1")
  yield* wait(() => once(server, "listening"))
  const address = server.address()
  const socket = connect(typeof address === "object" && address !== null ? address.port : 0, "127.0.0.1")
  yield* wait(() => once(socket, "connect"))
  yield* Effect.ensuring(
    waitFd(socket),
    Effect.sync(() => {
      socket.destroy()
      server.close()
    })
  )
})

const local = GreenLocal.make({ initial: () => "" })

const named = (name: string) =>
  GreenTask.run(
    Effect.gen(function* () {
      yield* local.set(name)
      yield* wait(() => new Promise((resolve) => setTimeout(resolve, 2)))
      return local.getUnsafe()
    })
  )

const exclusive = Effect.gen(function* () {
  const lock = yield* GreenLock.make
  let inside = 0
  const most: Array<number> = []
  const body = Effect.gen(function* () {
    most.push(++inside)
    yield* Effect.sleep("1 millis")
    inside--
  })
  yield* Effect.all([lock.withLock(body), lock.withLock(body), lock.withLock(body)], { concurrency: "unbounded" })
  deepStrictEqual(most, [1, 1, 1])
})

const mebibyteThroughAPipe = Effect.gen(function* () {
  const { reader, writer } = yield* FdIo.makePipe
  const chunks = Array.from({ length: 64 }, (_, index) => new Uint8Array(16_384).fill(index))
  const sending = yield* Effect.forkChild(Stream.run(Stream.fromIterable(chunks), FdStream.write(writer)))
  const received = yield* Stream.runCollect(FdStream.read(reader))
  yield* Fiber.join(sending)
  strictEqual(Buffer.compare(Buffer.concat(received), Buffer.concat(chunks)), 0)
})

export const smoke = {
  "`wait` for a promise": onTheLoop(
    Effect.map(
      wait(() => Promise.resolve(1)),
      (value) => strictEqual(value, 1)
    )
  ),
  "`waitFd` on a pipe": onTheLoop(untilWritten),
  "`waitFd` on a socket of `node:net`": onTheLoop(socketOfTheRuntime),
  "`FdStream`, 1 MiB through a pipe": onTheLoop(mebibyteThroughAPipe),
  "`Green.runSync`": async () => Green.runSync(untilWritten),
  "`GreenLocal`": onTheLoop(
    Effect.map(Effect.all([named("one"), named("other")], { concurrency: "unbounded" }), (names) =>
      deepStrictEqual(names, ["one", "other"])
    )
  ),
  "`GreenLock`": onTheLoop(exclusive),
  "`VirtualFds`": () => Effect.runPromise(Effect.provide(untilWritten, VirtualFds.layer))
}
