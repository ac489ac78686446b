/** The proxy of the tests, before a server that says what it is told. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import { mkdtempSync, rmSync } from "node:fs"
import * as Net from "node:net"
import { tmpdir } from "node:os"
import * as Path from "node:path"
import * as ChaosProxy from "./ChaosProxy.ts"

/** Sends back what it hears, on a port and a socket, half-open like a server that answers after the end. */
const echo: Effect.Effect<ChaosProxy.Address, never, Scope.Scope> = Effect.map(
  Effect.acquireRelease(
    Effect.promise(async () => {
      const directory = mkdtempSync(Path.join(tmpdir(), "green-pg-echo-"))
      const sockets = new Set<Net.Socket>()
      const servers = [0, 1].map(() =>
        Net.createServer({ allowHalfOpen: true }, (socket) => {
          sockets.add(socket)
          socket.on("error", () => {})
          socket.pipe(socket)
        })
      )
      const [tcp, unix] = servers
      await new Promise<void>((resolve) => tcp?.listen(0, "127.0.0.1", resolve))
      const address = tcp?.address()
      const port = typeof address === "object" && address !== null ? address.port : 0
      await new Promise<void>((resolve) => unix?.listen(Path.join(directory, `.s.PGSQL.${port}`), resolve))
      return { host: "127.0.0.1", port, socketDirectory: directory, servers, sockets }
    }),
    ({ servers, sockets, socketDirectory }) =>
      Effect.sync(() => {
        for (const socket of sockets) socket.destroy()
        for (const server of servers) server.close()
        rmSync(socketDirectory, { recursive: true, force: true })
      })
  ),
  ({ host, port, socketDirectory }) => ({ host, port, socketDirectory })
)

interface Client {
  readonly socket: Net.Socket
  readonly chunks: Array<Buffer>
  readonly text: () => string
  /** `end`, or the code of the error. */
  readonly ending: Promise<string>
  /** Waits until so much has arrived. */
  readonly arrived: (length: number) => Promise<void>
}

const client = (address: Net.NetConnectOpts): Effect.Effect<Client, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const socket = Net.connect(address)
      const chunks: Array<Buffer> = []
      const text = () => Buffer.concat(chunks).toString()
      socket.on("data", (chunk) => chunks.push(Buffer.from(chunk)))
      const ending = new Promise<string>((resolve) => {
        socket.once("end", () => resolve("end"))
        socket.once("error", (error) => resolve("code" in error ? String(error.code) : error.message))
      })
      const arrived = async (length: number) => {
        while (text().length < length) await new Promise((resolve) => socket.once("data", resolve))
      }
      return { socket, chunks, text, ending, arrived }
    }),
    ({ socket }) => Effect.sync(() => socket.destroy())
  )

const both = [
  ["TCP", (proxy: ChaosProxy.Address) => ({ host: proxy.host, port: proxy.port })],
  ["a Unix socket", (proxy: ChaosProxy.Address) => ({ path: `${proxy.socketDirectory}/.s.PGSQL.${proxy.port}` })]
] as const

describe.each(both)("over %s", (kind, address) => {
  const opened = Effect.gen(function* () {
    const proxy = yield* ChaosProxy.make(yield* echo)
    return { proxy, connect: client(address(proxy)) }
  })

  it.live("it passes everything on, and the end of it, and counts", () =>
    Effect.gen(function* () {
      const { proxy, connect } = yield* opened
      const { socket, text, ending } = yield* connect
      socket.end("hello")
      assert.strictEqual(yield* Effect.promise(() => ending), "end")
      assert.strictEqual(text(), "hello")
      const counts = yield* proxy.until(({ open }) => open === 0)
      assert.deepStrictEqual(counts, { accepted: 1, open: 0, toServer: 5, toClient: 5 })
    })
  )

  it.live("it holds every chunk for as long as it is told", () =>
    Effect.gen(function* () {
      const { proxy, connect } = yield* opened
      yield* proxy.behave({ _tag: "Delay", milliseconds: 30 })
      const { socket, arrived } = yield* connect
      const before = performance.now()
      socket.write("hello")
      yield* Effect.promise(() => arrived(5))
      // 30 ms each way; timers of Node may be a millisecond early
      assert.isAtLeast(performance.now() - before, 58)
    })
  )

  it.live("it sends every byte by itself", () =>
    Effect.gen(function* () {
      const { proxy, connect } = yield* opened
      yield* proxy.behave({ _tag: "Split" })
      const { socket, chunks, arrived, text } = yield* connect
      const sent = "0123456789".repeat(20)
      socket.write(sent)
      yield* Effect.promise(() => arrived(sent.length))
      assert.strictEqual(text(), sent)
      // How many reads it takes is the receiver's affair; unsplit, it takes one.
      assert.isAbove(chunks.length, 10)
    })
  )

  it.live("after so many bytes to the client it ends the connection", () =>
    Effect.gen(function* () {
      const { proxy, connect } = yield* opened
      yield* proxy.behave({ _tag: "Truncate", direction: "toClient", after: 3, close: "end" })
      const { socket, text, ending } = yield* connect
      socket.write("hello")
      assert.strictEqual(yield* Effect.promise(() => ending), "end")
      assert.strictEqual(text(), "hel")
    })
  )

  it.live("after so many bytes to the server it resets the connection", () =>
    Effect.gen(function* () {
      const { proxy, connect } = yield* opened
      const { socket, ending, arrived } = yield* connect
      socket.write("before")
      yield* Effect.promise(() => arrived(6))
      yield* proxy.behave({ _tag: "Truncate", direction: "toServer", after: 3, close: "reset" })
      socket.write("hello")
      assert.include(kind === "TCP" ? ["ECONNRESET"] : ["end", "ECONNRESET"], yield* Effect.promise(() => ending))
      const counts = yield* proxy.until(({ open }) => open === 0)
      assert.strictEqual(counts.toServer, 9)
    })
  )

  it.live("after no byte at all it ends a connection when it is accepted", () =>
    Effect.gen(function* () {
      const { proxy, connect } = yield* opened
      yield* proxy.behave({ _tag: "Truncate", direction: "toServer", after: 0, close: "end" })
      const { ending } = yield* connect
      assert.strictEqual(yield* Effect.promise(() => ending), "end")
      assert.deepInclude(yield* proxy.until(({ open }) => open === 0), { accepted: 1, toServer: 0 })
    })
  )

  it.live("as a black hole it holds what it is sent, until it passes again", () =>
    Effect.gen(function* () {
      const { proxy, connect } = yield* opened
      const early = yield* connect
      early.socket.write("1")
      yield* Effect.promise(() => early.arrived(1))
      yield* proxy.behave({ _tag: "BlackHole" })
      const late = yield* connect
      early.socket.end("early")
      late.socket.end("late")
      yield* proxy.until(({ accepted }) => accepted === 2)
      // through the loop twice: what passes would have passed
      const other = yield* Effect.flatMap(opened, ({ connect }) => connect)
      other.socket.write("x")
      yield* Effect.promise(() => other.arrived(1))
      assert.deepStrictEqual(yield* proxy.counts, { accepted: 2, open: 2, toServer: 1, toClient: 1 })
      yield* proxy.behave({ _tag: "Pass" })
      assert.deepStrictEqual(yield* Effect.promise(() => Promise.all([early.ending, late.ending])), ["end", "end"])
      assert.deepStrictEqual([early.text(), late.text()], ["1early", "late"])
    })
  )

  it.live("it says something of its own", () =>
    Effect.gen(function* () {
      const { proxy, connect } = yield* opened
      const { socket, text, arrived } = yield* connect
      socket.write("echo")
      yield* Effect.promise(() => arrived(4))
      yield* proxy.inject(new TextEncoder().encode("own"))
      yield* Effect.promise(() => arrived(7))
      assert.strictEqual(text(), "echoown")
    })
  )

  it.live("it refuses new connections, and lets the open ones be", () =>
    Effect.gen(function* () {
      const { proxy, connect } = yield* opened
      const old = yield* connect
      yield* proxy.until(({ open }) => open === 1)
      yield* proxy.behave({ _tag: "Refuse" })
      const refused = yield* connect
      assert.strictEqual(yield* Effect.promise(() => refused.ending), "end")
      old.socket.write("still")
      yield* Effect.promise(() => old.arrived(5))
      assert.deepInclude(yield* proxy.counts, { accepted: 2, open: 1 })
    })
  )

  it.live("it cuts everything at once, also what is in a black hole", () =>
    Effect.gen(function* () {
      const { proxy, connect } = yield* opened
      const one = yield* connect
      yield* proxy.until(({ accepted }) => accepted === 1)
      yield* proxy.behave({ _tag: "BlackHole" })
      const other = yield* connect
      yield* proxy.until(({ accepted }) => accepted === 2)
      yield* proxy.cut("end")
      assert.deepStrictEqual(yield* Effect.promise(() => Promise.all([one.ending, other.ending])), ["end", "end"])
      yield* proxy.until(({ open }) => open === 0)
    })
  )

  it.live("a client is reset when there is no server, and when the proxy ends", () =>
    Effect.gen(function* () {
      const nowhere = yield* Effect.scoped(echo)
      const proxy = yield* ChaosProxy.make(nowhere)
      const lost = yield* client(address(proxy))
      assert.include(["ECONNRESET", "end"], yield* Effect.promise(() => lost.ending))

      const outside = yield* Scope.Scope
      const held = yield* Effect.scoped(
        Effect.gen(function* () {
          const { proxy } = yield* opened
          yield* proxy.behave({ _tag: "BlackHole" })
          const held = yield* Effect.provideService(client(address(proxy)), Scope.Scope, outside)
          yield* proxy.until(({ open }) => open === 1)
          return held
        })
      )
      assert.include(["ECONNRESET", "end"], yield* Effect.promise(() => held.ending))
    })
  )
})
