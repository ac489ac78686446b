import * as NodeSocketServer from "@effect/platform-node/NodeSocketServer"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Rpc from "effect/rpc/Rpc"
import * as RpcClient from "effect/rpc/RpcClient"
import * as RpcGroup from "effect/rpc/RpcGroup"
import * as RpcSerialization from "effect/rpc/RpcSerialization"
import * as RpcServer from "effect/rpc/RpcServer"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Socket from "effect/socket/Socket"
import * as SocketServer from "effect/socket/SocketServer"
import * as Stream from "effect/Stream"
import { GreenHttp, UndiciExchange, type WebSocketOptions } from "green-http"
import * as EffectSocket from "green-http/EffectSocket"
import { echo, serveFrames, serveSockets } from "./support/sockets.ts"

const network = Effect.provide(UndiciExchange.layer())

const over = (url: URL, options?: WebSocketOptions) =>
  Effect.map(GreenHttp.make(), (http) => EffectSocket.make(http, url, options))

const reasonOf = <A, R>(effect: Effect.Effect<A, Socket.SocketError, R>) =>
  Effect.map(Effect.flip(effect), ({ reason }) => reason)

describe("a WebSocket as a socket of effect/socket", () => {
  it.live("reads and writes; what is written before it is open waits; each reader connects again", () =>
    Effect.gen(function* () {
      const server = yield* serveSockets(echo)
      const socket = yield* over(server.url)
      const writer = yield* socket.writer
      for (const text of ["first", "second"]) {
        const writing = yield* Effect.forkChild(writer.writeAll([text, Uint8Array.of(1)]), { startImmediately: true })
        yield* Effect.scoped(
          Effect.gen(function* () {
            const { pull } = yield* socket.reader
            assert.deepStrictEqual(yield* pull, [text])
            assert.deepStrictEqual(yield* pull, [Uint8Array.of(1)])
            yield* Fiber.join(writing)
          })
        )
      }
      assert.strictEqual(server.connections(), 2)
      const reader = yield* socket.reader
      yield* writer.write(new Socket.CloseEvent(4000, "bye"))
      const closed = yield* reasonOf(reader.pull)
      assert.deepStrictEqual(closed._tag === "SocketCloseError" ? [closed.code, closed.closeReason] : closed, [
        4000,
        "bye"
      ])
      assert.strictEqual((yield* reasonOf(writer.write("late")))._tag, "SocketWriteError")
    }).pipe(network)
  )

  it.live("fails typed when it is refused, and when it breaks; closing its scope fails a pull that waits", () =>
    Effect.gen(function* () {
      const refusing = yield* serveSockets(echo, {}, () => 403)
      assert.strictEqual((yield* reasonOf((yield* over(refusing.url)).reader))._tag, "SocketOpenError")
      const breaking = yield* serveFrames((connection) => connection.end(Buffer.of(0xff)))
      const broken = yield* (yield* over(breaking.url, { timeouts: { close: 30 } })).reader
      assert.strictEqual((yield* reasonOf(broken.pull))._tag, "SocketReadError")
      const silent = yield* serveFrames(() => {})
      const scope = yield* Scope.make()
      const reader = yield* Scope.provide((yield* over(silent.url, { timeouts: { close: 30 } })).reader, scope)
      const pulling = yield* Effect.forkChild(reasonOf(reader.pull), { startImmediately: true })
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual((yield* Fiber.join(pulling))._tag, "SocketReadError")
    }).pipe(network)
  )

  it.live("carries effect/rpc", () =>
    Effect.gen(function* () {
      class Group extends RpcGroup.make(
        Rpc.make("Double", { payload: { n: Schema.Number }, success: Schema.Number }),
        Rpc.make("Count", { payload: { to: Schema.Number }, success: Schema.Number, stream: true })
      ) {}
      const handlers = Group.toLayer({
        Double: ({ n }) => Effect.succeed(n * 2),
        Count: ({ to }) => Stream.range(1, to)
      })
      const listening = NodeSocketServer.layerWebSocket({ port: 0, host: "127.0.0.1" })
      const serialization = RpcSerialization.layerNdjson
      const serving = RpcServer.layer(Group).pipe(
        Layer.provide(handlers),
        Layer.provide(RpcServer.layerProtocolSocketServer),
        Layer.provideMerge(listening),
        Layer.provide(serialization)
      )
      yield* Effect.gen(function* () {
        const { address } = yield* SocketServer.SocketServer
        const url = address._tag === "InetAddressV4" ? `ws://127.0.0.1:${address.port}` : assert.fail(address._tag)
        const protocol = RpcClient.layerProtocolSocket().pipe(
          Layer.provide(EffectSocket.layer(url)),
          Layer.provide(UndiciExchange.layer()),
          Layer.provide(serialization)
        )
        yield* Effect.gen(function* () {
          const client = yield* RpcClient.make(Group)
          assert.strictEqual(yield* client.Double({ n: 21 }), 42)
          const counted = yield* Stream.runCollect(client.Count({ to: 500 }))
          assert.strictEqual(counted.length, 500)
        }).pipe(Effect.scoped, Effect.provide(protocol))
      }).pipe(Effect.provide(serving))
    })
  )
})
