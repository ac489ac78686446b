/** What counts as a descriptor, and what every operation says of what does not. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { Fd, FdError, FdIo, Green, WaitFd, waitFd } from "green-core"
import * as Events from "node:events"
import * as Fs from "node:fs"
import * as Net from "node:net"
import { PassThrough } from "node:stream"
import { TLSSocket } from "node:tls"

/** Everything that takes a descriptor. */
const operations: ReadonlyArray<readonly [string, (fd: Fd.FdLike) => Effect.Effect<unknown, FdError, WaitFd | FdIo>]> =
  [
    ["wait", (fd) => waitFd(fd)],
    ["notifyClosing", WaitFd.notifyClosing],
    ["lease", (fd) => Effect.scoped(WaitFd.lease(fd))],
    ["read", (fd) => FdIo.read(fd, new Uint8Array(1))],
    ["write", (fd) => FdIo.write(fd, new Uint8Array(1))],
    ["shutdown", FdIo.shutdown],
    ["close", FdIo.close],
    ["isNonBlocking", FdIo.isNonBlocking],
    ["setNonBlocking", (fd) => FdIo.setNonBlocking(fd, true)]
  ]

/** Asserts that no operation takes the value, and that each names it and says what to do. */
const refused = (value: Fd.FdLike, message: RegExp) =>
  Effect.gen(function* () {
    for (const [operation, perform] of operations) {
      const error = yield* Effect.flip(perform(value))
      assert.instanceOf(error, FdError)
      assert.strictEqual(error.operation, operation)
      assert.isTrue(error.reason._tag === "BadDescriptor" && Object.is(error.reason.value, value), operation)
      assert.match(error.message, message)
    }
  }).pipe(Effect.provide(Green.layer))

const closing = <A extends { destroy(): unknown } | { close(): unknown }>(make: () => A) =>
  Effect.acquireRelease(Effect.sync(make), (made) =>
    Effect.sync(() => ("destroy" in made ? made.destroy() : made.close()))
  )

const event = (emitter: Events.EventEmitter, name: string) => Effect.promise(() => Events.once(emitter, name))

const listening = Effect.gen(function* () {
  // What becomes of the other side of a connection is of no interest here.
  const accept = (socket: Net.Socket) => void socket.on("error", () => {})
  const server = yield* closing(() => Net.createServer(accept).listen(0, "127.0.0.1"))
  yield* event(server, "listening")
  const address = server.address()
  return { server, port: address !== null && typeof address === "object" ? address.port : 0 }
})

const number = (fd: Fd.FdLike): number => Result.getOrThrow(Fd.of(fd, "wait"))

describe("a descriptor is", () => {
  it("a number from 0 to 2147483647", () => {
    for (const fd of [0, 1, 1023, 0x7fffffff]) assert.strictEqual(number(fd), fd)
  })

  it("an object with fd, or with fileno()", () => {
    assert.strictEqual(number({ fd: 7 }), 7)
    assert.strictEqual(number({ fileno: () => 8 }), 8)
    class Device {
      readonly name = "device"
      readonly #number = 9
      fileno() {
        return this.#number
      }
    }
    assert.strictEqual(number(new Device()), 9)
  })

  it.effect("a connected socket and a listening server of Node", () =>
    Effect.gen(function* () {
      const { server, port } = yield* listening
      const socket = yield* closing(() => Net.connect(port, "127.0.0.1"))
      yield* event(socket, "connect")
      assert.notStrictEqual(number(server), number(socket))
      for (const fd of [server, socket])
        assert.isTrue(Fs.readlinkSync(`/proc/self/fd/${number(fd)}`).startsWith("socket:"))
      assert.isTrue((yield* waitFd(socket, "write")).writable)
    }).pipe(Effect.provide(Green.layer))
  )

  it.effect("an open file stream, a file handle and a standard stream", () =>
    Effect.gen(function* () {
      const stream = yield* closing(() => Fs.createReadStream(process.execPath))
      yield* event(stream, "open")
      assert.strictEqual(Fs.readlinkSync(`/proc/self/fd/${number(stream)}`), Fs.realpathSync(process.execPath))
      const handle = yield* Effect.promise(() => Fs.promises.open(process.execPath))
      assert.strictEqual(number(handle), handle.fd)
      yield* Effect.promise(() => handle.close())
    })
  )
})

describe("no operation takes", () => {
  for (const value of [-1, Number.NaN, 1.5, 1e10, Number.NEGATIVE_INFINITY, 2 ** 31]) {
    it.effect(String(value), () =>
      refused(value, new RegExp(`on ${value}: its descriptor is ${value}; a descriptor is`))
    )
  }

  it.effect("99999, where no descriptor has this number", () =>
    Effect.gen(function* () {
      for (const [operation, perform] of operations.filter(([operation]) => operation !== "notifyClosing")) {
        const error = yield* Effect.flip(perform(99_999))
        assert.strictEqual(error.operation, operation)
        assert.isTrue(error.reason._tag === "BadDescriptor" && error.reason.value === 99_999)
        assert.match(error.message, /on 99999: no open descriptor has this number/)
      }
    }).pipe(Effect.provide(Green.layer))
  )

  it.effect("a number that was closed", () =>
    Effect.gen(function* () {
      for (const [operation, perform] of operations.filter(([operation]) => operation !== "notifyClosing")) {
        const { reader, writer } = yield* FdIo.makePipe
        yield* FdIo.close(writer)
        yield* FdIo.close(reader)
        const error = yield* Effect.flip(perform(reader))
        assert.strictEqual(error.operation, operation)
        assert.isTrue(error.reason._tag === "BadDescriptor" && error.reason.value === reader)
        assert.include(error.message, `on ${reader}: no open descriptor has this number`)
      }
    }).pipe(Effect.provide(Green.layer))
  )

  it.effect("an object whose descriptor is not a number, or not one of a descriptor", () =>
    Effect.gen(function* () {
      yield* refused({ fd: -1 }, /on Object: its descriptor is -1;/)
      yield* refused({ fileno: () => Number.NaN }, /on Object: its descriptor is NaN;/)
    })
  )

  it.effect("an object whose fileno() throws", () =>
    refused(
      {
        fileno: () => {
          throw new Error("detached")
        }
      },
      /on Object: its fileno\(\) threw: detached/
    )
  )

  it.effect("an object with no descriptor", () =>
    Effect.gen(function* () {
      class Connection {
        readonly fd = undefined
      }
      yield* refused(new Connection(), /on Connection: it has no descriptor: expected a number, \{ fd \}/)
      yield* refused({ fd: null }, /on Object: it has no descriptor/)
    })
  )

  it.effect("a socket that is not yet connected", () =>
    Effect.gen(function* () {
      yield* refused(
        yield* closing(() => new Net.Socket()),
        /on Socket: it has no descriptor yet: wait for its "connect"/
      )
      const { port } = yield* listening
      const socket = yield* closing(() => Net.connect(port, "127.0.0.1"))
      assert.isTrue(socket.connecting)
      yield* refused(socket, /on Socket: it has no descriptor yet: wait for its "connect"/)
    })
  )

  it.effect("a socket that stands on another stream", () =>
    Effect.gen(function* () {
      const socket = yield* closing(() => new TLSSocket(new PassThrough()))
      yield* refused(socket, /on TLSSocket: it is open, but not known by which descriptor/)
    })
  )

  it.effect("a socket that was destroyed", () =>
    Effect.gen(function* () {
      const { port } = yield* listening
      const socket = yield* closing(() => Net.connect(port, "127.0.0.1"))
      yield* event(socket, "connect")
      socket.destroy()
      yield* refused(socket, /on Socket: it was destroyed and has no descriptor any more/)
    })
  )

  it.effect("a file stream that is not yet open, or was destroyed", () =>
    Effect.gen(function* () {
      const stream = yield* closing(() => Fs.createReadStream(process.execPath))
      yield* refused(stream, /on ReadStream: it has no descriptor yet: wait for its "connect" or "open" event/)
      stream.destroy()
      yield* event(stream, "close")
      yield* refused(stream, /on ReadStream: it was destroyed/)
    })
  )

  it.effect("a server that does not listen, or not any more", () =>
    Effect.gen(function* () {
      yield* refused(Net.createServer(), /on Server: it has no descriptor: call listen/)
      const { server } = yield* listening
      server.close()
      yield* refused(server, /on Server: it has no descriptor: call listen/)
    })
  )
})

describe("FdError", () => {
  const error = (reason: Fd.FdErrorReason) => new FdError({ fd: 7, operation: "wait", reason })

  it("says in its message what was tried, on what, and what to do", () => {
    assert.strictEqual(error({ _tag: "Closing" }).message, "wait on descriptor 7: it is being closed; stop using it")
    assert.match(error({ _tag: "NotGreen" }).message, /it can block.*O_NONBLOCK.*nonBlocking: "set"/)
    assert.strictEqual(Fd.system(7, "write", 32).message, "write on descriptor 7: EPIPE (errno 32)")
    assert.strictEqual(
      error({
        _tag: "Deadlock",
        waiters: [
          { fd: 7, interest: "read" },
          { fd: 8, interest: "write" }
        ]
      }).message,
      "wait on descriptor 7: deadlock: nothing can wake descriptor 7 (read), descriptor 8 (write)"
    )
    assert.strictEqual(
      Fd.unsupported(undefined, "wait", "a worker thread", "use Green.runSync").message,
      "wait on descriptor ?: not supported on a worker thread: use Green.runSync"
    )
  })

  it("is BadDescriptor where the system says EBADF", () => {
    assert.deepStrictEqual(Fd.system(7, "read", 9).reason, Fd.badDescriptor(7, "read").reason)
  })

  it.effect("can be caught by one of its reasons", () =>
    Effect.gen(function* () {
      const caught = Effect.fail(Fd.closing(7, "wait")).pipe(
        Effect.catchReason("FdError", "Closing", () => Effect.succeed("closing"))
      )
      assert.strictEqual(yield* caught, "closing")
      const other = Effect.fail(Fd.busy(7, "wait", "taken")).pipe(
        Effect.catchReason("FdError", "Closing", () => Effect.succeed("closing"))
      )
      assert.strictEqual((yield* Effect.flip(other)).reason._tag, "Busy")
    })
  )
})
