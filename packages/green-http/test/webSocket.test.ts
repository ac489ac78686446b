/** WebSockets over the network: what goes both ways, and how they end. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import {
  CircuitBreaker,
  GreenHttp,
  type HttpError,
  MemoryExchange,
  RateLimit,
  UndiciExchange,
  type WebSocketOptions
} from "green-http"
import { createServer } from "node:http"
import * as Net from "node:net"
import type { WebSocket as Peer } from "ws"
import { listening, type Running, serveRaw } from "./support/server.ts"
import { accept, agreement, echo, serveFrames, serveSockets } from "./support/sockets.ts"

const open = (server: Running, options?: WebSocketOptions) =>
  Effect.flatMap(GreenHttp.make({ baseUrl: server.url }), (http) => http.webSocket("/chat", options))

const network = Effect.provide(UndiciExchange.layer())

const until = (isSo: () => boolean) => Effect.repeat(Effect.sleep(2), { until: isSo })

const tag = ({ reason }: HttpError) => ("code" in reason ? `${reason._tag} ${reason.code}` : reason._tag)

/** The peers of a server, and what they were told. */
const peers = () => {
  const all: Array<Peer> = []
  const closed: Array<string> = []
  const serve = (socket: Peer) => {
    all.push(socket)
    socket.on("close", (code, reason) => closed.push(`${code} ${reason.toString()}`))
  }
  return { all, closed, serve }
}

describe("messages", () => {
  it.live("of all sizes go both ways, as text and as bytes", () =>
    Effect.gen(function* () {
      const server = yield* serveSockets(echo)
      const socket = yield* open(server)
      for (const size of [0, 1, 2, 3, 4, 5, 125, 126, 127, 65_535, 65_536, 2 ** 20]) {
        const text = "grün🌲".repeat(size).slice(0, size)
        yield* socket.send(text)
        assert.strictEqual(yield* socket.receive, Buffer.from(text).toString())
        const bytes = Uint8Array.from({ length: size }, (_, index) => index * 7)
        yield* socket.send(bytes)
        assert.deepStrictEqual(yield* socket.receive, bytes)
      }
    }).pipe(network)
  )

  it.live("stay in order; those that come before anybody asks are kept, and a stream that is left loses none", () =>
    Effect.gen(function* () {
      const numbers = Array.from({ length: 1000 }, (_, n) => String(n))
      const { all, serve } = peers()
      const server = yield* serveSockets((socket) => {
        serve(socket)
        for (const number of numbers) socket.send(number)
        echo(socket)
      })
      const socket = yield* open(server)
      yield* until(() => all[0]?.bufferedAmount === 0)
      assert.deepStrictEqual(yield* Stream.runCollect(Stream.take(socket.messages, 1000)), numbers)
      yield* Effect.forEach(numbers, socket.send, { discard: true })
      assert.deepStrictEqual(yield* Stream.runCollect(Stream.take(socket.messages, 500)), numbers.slice(0, 500))
      assert.strictEqual(yield* socket.receive, "500")
      yield* Stream.runDrain(Stream.take(socket.messages, 499))
      // Who does not wait any more takes none.
      const waiting = yield* Effect.forkChild(socket.receive, { startImmediately: true })
      yield* Fiber.interrupt(waiting)
      const first = yield* Effect.forkChild(socket.receive, { startImmediately: true })
      yield* Effect.forEach(["a", "b"], socket.send)
      assert.deepStrictEqual([yield* Fiber.join(first), yield* socket.receive], ["a", "b"])
      // Those of a handshake's own packet too.
      const eager = yield* serveRaw((connection, head) =>
        connection.write(Buffer.concat([Buffer.from(agreement(head)), Buffer.of(0x81, 1, 0x61, 0x81, 1)]))
      )
      const greeted = yield* open(eager, { timeouts: { close: 30 } })
      assert.strictEqual(yield* greeted.receive, "a")
    }).pipe(network)
  )

  it.live("in fragments, with a ping between them, are whole; and the ping is answered", () =>
    Effect.gen(function* () {
      const answers: Array<Buffer> = []
      const server = yield* serveFrames((connection) => {
        const bytes = Buffer.concat([
          Buffer.of(0x01, 0), // a text, nothing yet
          Buffer.of(0x00, 2, 0x67, 0x72),
          Buffer.of(0x89, 4, 0x70, 0x69, 0x6e, 0x67), // a ping: "ping"
          Buffer.of(0x00, 1, 0xc3), // half of a character
          Buffer.of(0x8a, 0), // a pong that nobody has asked for
          Buffer.of(0x80, 2, 0xbc, 0x6e),
          Buffer.of(0x02, 1, 1, 0x80, 0) // bytes, ended by nothing
        ])
        connection.on("data", (data: Buffer) => answers.push(data))
        // Whatever pieces it comes in.
        let at = 0
        const timer = setInterval(() => {
          if (at === bytes.byteLength) clearInterval(timer)
          else connection.write(bytes.subarray(at, ++at))
        }, 1)
        connection.on("close", () => clearInterval(timer))
      })
      const socket = yield* open(server, { timeouts: { close: 20 } })
      assert.strictEqual(yield* socket.receive, "grün")
      assert.deepStrictEqual(yield* socket.receive, Uint8Array.of(1))
      const [pong] = answers
      assert.strictEqual(pong?.[0], 0x8a)
      assert.strictEqual(pong?.[1], 0x84)
      const masked = [...(pong?.subarray(6) ?? [])].map((byte, index) => byte ^ (pong?.[2 + index] ?? 0))
      assert.strictEqual(String.fromCharCode(...masked), "ping")
    }).pipe(network)
  )

  it.live("of a peer that nobody reads make it wait, in bounded memory", () =>
    Effect.gen(function* () {
      const chunk = Buffer.alloc(10_000)
      let sent = 0
      const server = yield* serveSockets((socket) => {
        const more = () => {
          if (socket.readyState !== socket.OPEN || sent === 10_000) return
          sent++
          socket.send(chunk, more)
        }
        more()
      })
      const socket = yield* open(server)
      let before = -1
      // 100 MB are to be sent. What the system's buffers hold goes out, and then no more.
      yield* Effect.repeat(Effect.sync(() => (before = sent)).pipe(Effect.andThen(Effect.sleep(100))), {
        until: () => sent > 0 && before === sent
      })
      assert.isBelow(sent, 5000)
      let received = 0
      yield* Stream.runForEach(Stream.take(socket.messages, 10_000), () => Effect.sync(() => received++))
      assert.strictEqual(received, 10_000)
    }).pipe(network)
  )

  it.live("to a peer that does not read wait, in order; who is interrupted has sent nothing", () =>
    Effect.gen(function* () {
      const { all, serve } = peers()
      const received: Array<number> = []
      const server = yield* serveSockets((socket) => {
        serve(socket)
        socket.pause()
        socket.on("message", (data: Buffer) => received.push(data[0] ?? -1))
      })
      const socket = yield* open(server)
      let sent = 0
      const fiber = yield* Effect.forkChild(
        Effect.forEach(
          Array.from({ length: 200 }, (_, n) => n),
          (n) => Effect.tap(socket.send(Buffer.alloc(100_000, n)), () => Effect.sync(() => sent++)),
          { discard: true }
        )
      )
      let before = -1
      yield* Effect.repeat(Effect.sync(() => (before = sent)).pipe(Effect.andThen(Effect.sleep(100))), {
        until: () => sent > 0 && before === sent
      })
      assert.isBelow(sent, 200)
      const stuck = sent
      const behind = yield* Effect.forkChild(socket.send(Buffer.alloc(1, 255)), { startImmediately: true })
      yield* Fiber.interrupt(behind)
      all[0]?.resume()
      yield* Fiber.join(fiber)
      yield* until(() => received.length === 200)
      assert.isAbove(200, stuck)
      assert.deepStrictEqual(
        received,
        Array.from({ length: 200 }, (_, n) => n)
      )
    }).pipe(network)
  )
})

describe("a WebSocket that is closed", () => {
  it.live("by this side tells the peer its code and reason, and ends with the peer's", () =>
    Effect.gen(function* () {
      const { closed, serve } = peers()
      const server = yield* serveSockets((socket) => {
        serve(socket)
        socket.send("before")
      })
      const socket = yield* open(server)
      assert.strictEqual(yield* socket.receive, "before")
      yield* socket.close(4001, "enough")
      assert.deepStrictEqual(closed, ["4001 enough"])
      assert.deepStrictEqual(yield* socket.closed, { code: 4001, reason: "enough" })
      assert.strictEqual(yield* socket.receive, undefined)
      assert.deepStrictEqual(yield* Stream.runCollect(socket.messages), [])
      yield* until(() => server.open() === 0)
      // Again it only waits.
      yield* socket.close()
      const error = yield* Effect.flip(socket.send("after"))
      assert.strictEqual(tag(error), "SocketClosed 4001")
      assert.include(error.message, "the WebSocket is closed (4001)")
    }).pipe(network)
  )

  it.live("by the peer gives what it has sent before, and then ends, with its code and reason", () =>
    Effect.gen(function* () {
      const { closed, serve } = peers()
      const server = yield* serveSockets((socket, request) => {
        serve(socket)
        socket.send("last")
        if (request.url === "/chat?silent=1") socket.close()
        else socket.close(1012, "grün")
      })
      const socket = yield* open(server)
      assert.deepStrictEqual(yield* Stream.runCollect(socket.messages), ["last"])
      assert.deepStrictEqual(yield* socket.closed, { code: 1012, reason: "grün" })
      assert.strictEqual(tag(yield* Effect.flip(socket.send("late"))), "SocketClosed 1012")
      const silent = yield* open(server, { params: { silent: 1 } })
      assert.deepStrictEqual(yield* silent.closed, { code: 1005, reason: "" })
      yield* until(() => server.open() === 0 && closed.length === 2)
      assert.deepStrictEqual(closed, ["1012 ", "1005 "])
    }).pipe(network)
  )

  it.live("with its scope says 1000, or 1001 when that fails, and leaves no connection", () =>
    Effect.gen(function* () {
      const { closed, serve } = peers()
      const server = yield* serveSockets(serve)
      yield* Effect.scoped(open(server))
      yield* Effect.exit(Effect.scoped(Effect.andThen(open(server), Effect.fail("no"))))
      let isOpen = false
      const fiber = yield* Effect.forkChild(
        Effect.scoped(
          Effect.flatMap(open(server), (socket) => {
            isOpen = true
            return Effect.forever(socket.receive)
          })
        )
      )
      yield* until(() => isOpen)
      yield* Fiber.interrupt(fiber)
      yield* until(() => server.open() === 0 && closed.length === 3)
      assert.deepStrictEqual(closed, ["1000 ", "1001 ", "1001 "])
    }).pipe(network)
  )

  it.live("is not held by a peer that does not answer, nor by one that does not even read", () =>
    Effect.gen(function* () {
      const server = yield* serveFrames(() => {})
      const socket = yield* open(server, { timeouts: { close: 30 } })
      const waiting = yield* Effect.forkChild(Effect.flip(socket.receive), { startImmediately: true })
      yield* socket.close()
      const error = yield* Effect.flip(socket.closed)
      assert.deepStrictEqual(error.reason, { _tag: "Timeout", phase: "close", milliseconds: 30 })
      assert.strictEqual(yield* Fiber.join(waiting), error)
      yield* until(() => server.open() === 0)

      const deaf = yield* serveFrames((connection) => connection.pause())
      const full = yield* open(deaf, { timeouts: { close: 30 } })
      const sending = yield* Effect.forkChild(Effect.flip(Effect.forever(full.send(Buffer.alloc(2 ** 20)))))
      yield* until(() => deaf.open() === 1)
      yield* Effect.sleep(100)
      yield* full.close(3000)
      assert.strictEqual(tag(yield* Fiber.join(sending)), "SocketClosed 3000")
    }).pipe(network)
  )

  it.live("when the peer has closed it, but does not hang up, is not held either", () =>
    Effect.gen(function* () {
      // One that keeps its half of the connection.
      const server = yield* listening(
        Net.createServer({ allowHalfOpen: true }, (connection) =>
          connection.once("data", (head: Buffer) => {
            connection.write(Buffer.concat([Buffer.from(agreement(head.toString())), Buffer.of(0x88, 2, 0x03, 0xe8)]))
          })
        )
      )
      const socket = yield* open(server, { timeouts: { close: 30 } })
      assert.deepStrictEqual(yield* socket.closed, { code: 1000, reason: "" })
      // It ends when the connection is gone.
      yield* socket.close()
    }).pipe(network)
  )

  it.live("drops what the peer still sends, and keeps what has come", () =>
    Effect.gen(function* () {
      const message = (text: string) => Buffer.of(0x81, 1, ...Buffer.from(text))
      const server = yield* serveFrames((connection) => {
        connection.write(Buffer.concat([message("a"), message("b"), message("c")]))
        // Not before it is closed.
        connection.once("data", () => connection.end(Buffer.concat([message("d"), Buffer.of(0x88, 2, 0x03, 0xe8)])))
      })
      const socket = yield* open(server)
      assert.strictEqual(yield* socket.receive, "a")
      yield* socket.close()
      assert.deepStrictEqual(yield* Stream.runCollect(socket.messages), ["b", "c"])
      assert.deepStrictEqual(yield* socket.closed, { code: 1000, reason: "" })
    }).pipe(network)
  )

  it.live("may not be by a wrong code, or a reason that is too long", () =>
    Effect.gen(function* () {
      const server = yield* serveSockets(echo)
      const socket = yield* open(server)
      for (const code of [0, 999, 1004, 1005, 1006, 1015, 2999, 5000, 1000.5, Number.NaN]) {
        const error = yield* Effect.flip(socket.close(code))
        assert.include(error.message, `${code} is no code to close a WebSocket with`)
      }
      const error = yield* Effect.flip(socket.close(1000, "ü".repeat(62)))
      assert.include(error.message, "has 124 bytes, and may have 123")
      assert.strictEqual(tag(error), "InvalidRequest")
      // It is still open.
      yield* socket.send("x")
      assert.strictEqual(yield* socket.receive, "x")
    }).pipe(network)
  )
})

describe("a WebSocket that breaks", () => {
  it.live("fails everybody who waits, after what has come, and can be closed", () =>
    Effect.gen(function* () {
      const connections: Array<Net.Socket> = []
      const server = yield* serveFrames((connection) => {
        connections.push(connection)
        connection.write(Buffer.of(0x81, 1, 0x61))
      })
      for (const [end, code] of [
        [(socket: Net.Socket) => socket.end(), "END"],
        [(socket: Net.Socket) => socket.resetAndDestroy(), "ECONNRESET"]
      ] as const) {
        const socket = yield* open(server)
        assert.strictEqual(yield* socket.receive, "a")
        const receiving = yield* Effect.forkChild(Effect.flip(socket.receive), { startImmediately: true })
        const closed = yield* Effect.forkChild(Effect.flip(socket.closed), { startImmediately: true })
        end(connections.pop() ?? assert.fail("no connection"))
        const error = yield* Fiber.join(receiving)
        assert.strictEqual(tag(error), `Disconnected ${code}`)
        assert.strictEqual(yield* Fiber.join(closed), error)
        assert.strictEqual(yield* Effect.flip(Stream.runDrain(socket.messages)), error)
        assert.strictEqual(tag(yield* Effect.flip(socket.send("x"))), `Disconnected ${code}`)
        yield* socket.close()
        yield* until(() => server.open() === 0)
      }
    }).pipe(network)
  )

  it.live("because the peer breaks the rules says which, and tells the peer", () =>
    Effect.gen(function* () {
      const cases: ReadonlyArray<readonly [string, ReadonlyArray<number>, string, number]> = [
        ["a masked frame", [0x81, 0x81, 1, 2, 3, 4, 5], "Protocol WEBSOCKET_FRAME", 1002],
        ["an opcode that nobody knows", [0x83, 0], "Protocol WEBSOCKET_FRAME", 1002],
        ["a control opcode that nobody knows", [0x8b, 0], "Protocol WEBSOCKET_FRAME", 1002],
        ["a reserved bit", [0xc1, 1, 0x61], "Protocol WEBSOCKET_FRAME", 1002],
        ["a fragmented ping", [0x09, 0], "Protocol WEBSOCKET_FRAME", 1002],
        ["a long ping", [0x89, 126, 0, 126], "Protocol WEBSOCKET_FRAME", 1002],
        ["a continuation of nothing", [0x80, 0], "Protocol WEBSOCKET_FRAME", 1002],
        ["a message in a message", [0x01, 1, 0x61, 0x81, 1, 0x61], "Protocol WEBSOCKET_FRAME", 1002],
        ["a close of one byte", [0x88, 1, 3], "Protocol WEBSOCKET_FRAME", 1002],
        ["a close that says 1005", [0x88, 2, 0x03, 0xed], "Protocol WEBSOCKET_FRAME", 1002],
        ["a close whose reason is no text", [0x88, 3, 0x03, 0xe8, 0xff], "Protocol WEBSOCKET_UTF8", 1007],
        ["a text that is none", [0x81, 2, 0xc3, 0x28], "Protocol WEBSOCKET_UTF8", 1007],
        ["a text that is cut", [0x01, 1, 0xc3, 0x80, 0], "Protocol WEBSOCKET_UTF8", 1007],
        ["a message that is too long", [0x82, 126, 0x10, 0], "MessageTooLarge", 1009],
        ["fragments that are too long", [0x02, 100, ...Array<number>(100).fill(0), 0x80, 101], "MessageTooLarge", 1009],
        ["a length beyond all measure", [0x82, 127, ...Array<number>(8).fill(255)], "MessageTooLarge", 1009]
      ]
      for (const [what, bytes, expected, code] of cases) {
        let told = Buffer.alloc(0)
        yield* Effect.scoped(
          Effect.gen(function* () {
            const server = yield* serveFrames((connection) => {
              connection.write(Buffer.from(bytes))
              connection.on("data", (data: Buffer) => (told = Buffer.concat([told, data])))
            })
            const socket = yield* open(server, { maxMessageBytes: 200 })
            const error = yield* Effect.flip(Stream.runDrain(socket.messages))
            assert.strictEqual(tag(error), expected, what)
            yield* until(() => server.open() === 0 && told.byteLength === 8)
            assert.strictEqual(((told[6] ?? 0) ^ (told[2] ?? 0)) * 256 + ((told[7] ?? 0) ^ (told[3] ?? 0)), code, what)
          })
        )
      }
    }).pipe(network)
  )

  it.live("leaves nothing, whatever bytes come", () =>
    Effect.gen(function* () {
      let seed = 1
      const random = (below: number) => (seed = (seed * 48_271) % 0x7fffffff) % below
      for (let round = 0; round < 50; round++) {
        const bytes = Buffer.from(Array.from({ length: random(300) }, () => random(256)))
        // Some of it should come through.
        if (round % 2 === 0)
          for (let at = 0; at < bytes.length; at += 3) bytes.set([0x82, 1].slice(0, bytes.length - at), at)
        const server = yield* serveFrames((connection) => connection.end(bytes))
        const exit = yield* Effect.exit(
          Effect.scoped(Effect.flatMap(open(server), ({ messages }) => Stream.runDrain(messages)))
        )
        assert.isTrue(Exit.isSuccess(exit) || exit.cause.reasons.every(({ _tag }) => _tag === "Fail"))
        yield* until(() => server.open() === 0)
      }
    }).pipe(network)
  )
})

describe("a WebSocket in a scope that lives on", () => {
  it.live("is not kept there when it is refused, or closed", () =>
    Effect.gen(function* () {
      const server = yield* serveSockets((socket) => socket.close())
      const scope = yield* Scope.make()
      const http = yield* GreenHttp.make({ baseUrl: server.url })
      for (let n = 0; n < 5; n++)
        yield* Effect.flatMap(Scope.provide(http.webSocket("/"), scope), ({ closed }) => closed)
      yield* until(() => scope.state._tag === "Empty")
      yield* Scope.close(scope, Exit.void)
    }).pipe(network)
  )
})

describe("a server in memory", () => {
  it.live("speaks WebSocket too, without a socket", () =>
    Effect.gen(function* () {
      const server = accept(createServer(), echo)
      yield* Effect.gen(function* () {
        const http = yield* GreenHttp.make({ baseUrl: "https://app.test" })
        const socket = yield* http.webSocket("/chat")
        yield* socket.send("hello")
        assert.strictEqual(yield* socket.receive, "hello")
        yield* socket.close(4000, "enough")
        assert.deepStrictEqual(yield* socket.closed, { code: 4000, reason: "enough" })
      }).pipe(Effect.scoped, Effect.provide(MemoryExchange.layerNode(server)))
    })
  )

  it.live("does so through rate limits and circuits, which are for requests", () =>
    Effect.gen(function* () {
      const server = accept(createServer(), echo)
      const limited = RateLimit.layer({ limit: 1, window: "1 hour", onExceeded: "fail" })
      const guarded = Layer.provide(CircuitBreaker.layer(), Layer.provide(limited, MemoryExchange.layerNode(server)))
      yield* Effect.gen(function* () {
        const http = yield* GreenHttp.make({ baseUrl: "http://app.test" })
        for (const text of ["one", "two"]) {
          const socket = yield* http.webSocket("/")
          yield* socket.send(text)
          assert.strictEqual(yield* socket.receive, text)
        }
      }).pipe(Effect.scoped, Effect.provide(guarded))
    })
  )
})
