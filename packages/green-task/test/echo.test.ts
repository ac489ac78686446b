import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { FdIo, FdStream, Green, wait, WaitFd, waitFd } from "green-core"
import { runInGreenlet } from "green-task"
import * as Crypto from "node:crypto"
import * as Net from "node:net"

/** A server that sends back what it gets; its port. */
const echoServer = Effect.acquireRelease(
  wait(
    () =>
      new Promise<Net.Server>((resolve) => {
        const server = Net.createServer((socket) => socket.pipe(socket))
        server.listen(0, "127.0.0.1", () => resolve(server))
      })
  ),
  (server) => wait(() => new Promise((resolve) => server.close(resolve))).pipe(Effect.ignore)
).pipe(
  Effect.map((server) => {
    const address = server.address()
    return typeof address === "object" && address !== null ? address.port : 0
  })
)

/** Sends the message and reads as many bytes back, waiting by `wait` only. */
const echo = runInGreenlet(function* (port: number, message: Uint8Array) {
  const socket = Net.connect(port, "127.0.0.1")
  yield* wait.callback((resume) => {
    socket.once("connect", () => resume(Exit.void))
    socket.once("error", (error) => resume(Exit.die(error)))
  })
  socket.write(message)
  const chunks: Array<Buffer> = []
  let received = 0
  while (received < message.byteLength) {
    const chunk: unknown = socket.read()
    if (chunk instanceof Buffer) {
      chunks.push(chunk)
      received += chunk.byteLength
    } else {
      yield* wait.callback((resume) => {
        const readable = () => resume(Exit.void)
        socket.once("readable", readable)
        return () => socket.off("readable", readable)
      })
    }
  }
  yield* wait(() => new Promise<void>((resolve) => void socket.end(resolve)))
  return Buffer.concat(chunks)
})

const roundTrip = (message: Uint8Array) =>
  Effect.gen(function* () {
    const port = yield* echoServer
    assert.isTrue(Buffer.from(message).equals(yield* echo(port, message)))
  }).pipe(Effect.scoped, Effect.provide(Green.layer))

describe("an echo over TCP, in straight-line code", () => {
  it.live("a small message", () => roundTrip(new TextEncoder().encode("hello")))

  it.live("8 KiB", () => roundTrip(Crypto.randomBytes(8 * 1024)))

  it.live("3 MB", () => roundTrip(Crypto.randomBytes(3_000_000)))

  it.live("three clients at once", () =>
    Effect.gen(function* () {
      const port = yield* echoServer
      const messages = ["one", "two", "three"].map((text) => new TextEncoder().encode(text))
      const answers = yield* Effect.forEach(messages, (message) => echo(port, message), { concurrency: "unbounded" })
      assert.deepStrictEqual(
        answers.map((answer) => answer.toString()),
        ["one", "two", "three"]
      )
    }).pipe(Effect.scoped, Effect.provide(Green.layer))
  )

  it.live("through the descriptors themselves, two greenlets on one socket pair", () =>
    Effect.gen(function* () {
      const [near, far] = yield* FdIo.makeSocketPair
      const client = yield* WaitFd.lease(near)
      const server = yield* WaitFd.lease(far)
      const serve = runInGreenlet(function* () {
        yield* waitFd(server)
        const bytes = new Uint8Array(64)
        const count = yield* FdIo.read(server, bytes)
        yield* FdStream.writeAll(server, bytes.subarray(0, typeof count === "number" ? count : 0))
      })
      const ask = runInGreenlet(function* (text: string) {
        yield* FdStream.writeAll(client, new TextEncoder().encode(text))
        yield* waitFd(client)
        const bytes = new Uint8Array(64)
        const count = yield* FdIo.read(client, bytes)
        return new TextDecoder().decode(bytes.subarray(0, typeof count === "number" ? count : 0))
      })
      const [answer] = yield* Effect.all([ask("hello"), serve()], { concurrency: "unbounded" })
      assert.strictEqual(answer, "hello")
    }).pipe(Effect.scoped, Effect.provide(Green.layer))
  )
})
