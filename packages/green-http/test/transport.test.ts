/** What the network handler can be told: HTTP/2, Unix sockets, addresses, connections. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { GreenHttp, UndiciExchange } from "green-http"
import { createServer, type ServerResponse } from "node:http"
import { createSecureServer } from "node:http2"
import * as Net from "node:net"
import * as Path from "node:path"
import { directory } from "./support/directory.ts"
import { certificate, key } from "./support/certificate.ts"
import { listening, type Running, serve } from "./support/server.ts"

const secure: Effect.Effect<Running, never, Scope.Scope> = Effect.suspend(() =>
  listening(
    createSecureServer({ cert: certificate, key, allowHTTP1: true }, (request, response) => {
      response.setHeader("set-cookie", ["a=1", "b=2"])
      request.setEncoding("utf8")
      let body = ""
      request.on("data", (text: string) => (body += text))
      request.on("end", () => response.end(`${request.httpVersion} ${request.method} ${request.url} ${body}`))
    }),
    "https"
  )
)

describe("HTTP/2", () => {
  it.live(
    "is spoken with servers that offer it, if it is asked for: one connection for all requests without a body",
    () =>
      Effect.gen(function* () {
        const server = yield* secure
        const session = Effect.gen(function* () {
          const http = yield* GreenHttp.make({ baseUrl: server.url })
          const responses = yield* Effect.forEach([1, 2, 3], (n) => http.get(`/${n}`), { concurrency: "unbounded" })
          assert.deepStrictEqual(
            responses[0]?.cookies.map(({ key }) => key),
            ["a", "b"]
          )
          const posted = yield* http.post("/4", { body: "body 4" })
          return yield* Effect.forEach([...responses, posted], (response) => response.text)
        })
        const tls = { ca: certificate }
        const second = yield* Effect.provide(session, UndiciExchange.layer({ http2: true, connections: 1, tls }))
        assert.deepStrictEqual(second, ["2.0 GET /1 ", "2.0 GET /2 ", "2.0 GET /3 ", "1.1 POST /4 body 4"])
        assert.strictEqual(server.connections(), 2)
        const first = yield* Effect.provide(session, UndiciExchange.layer({ tls }))
        assert.deepStrictEqual(first[0], "1.1 GET /1 ")
      })
  )
})

describe("a Unix socket", () => {
  it.live("is connected to, whatever the URL's host", () =>
    Effect.gen(function* () {
      const folder = yield* directory
      const socketPath = Path.join(folder, "socket")
      yield* Effect.acquireRelease(
        Effect.callback<ReturnType<typeof createServer>>((resume) => {
          const server = createServer((request, response) => response.end(`for ${request.headers.host}`))
          server.listen(socketPath, () => resume(Effect.succeed(server)))
        }),
        (server) =>
          Effect.sync(() => {
            server.close()
            server.closeAllConnections()
          })
      )
      const text = Effect.gen(function* () {
        const http = yield* GreenHttp.make()
        return yield* Effect.flatMap(http.get("http://daemon/"), (response) => response.text)
      })
      assert.strictEqual(yield* Effect.provide(text, UndiciExchange.layer({ socketPath })), "for daemon")
      const missing = UndiciExchange.layer({ socketPath: `${socketPath}.none` })
      const error = yield* Effect.flip(Effect.provide(text, missing))
      assert.deepStrictEqual(error.reason._tag === "Connect" ? error.reason.code : error.reason, "ENOENT")
    })
  )
})

describe("options", () => {
  it.effect("that cannot be fail typed, and name what is wrong", () =>
    Effect.gen(function* () {
      for (const [options, problem] of [
        [{ connections: -1 }, /connections/],
        [{ pipelining: -1 }, /pipelining/],
        [{ proxy: "not a proxy" }, /URL/],
        [{ proxy: "ftp://proxy.test" }, /protocol|scheme/i],
        [{ maxHeaderSize: -1 }, /maxHeaderSize/]
      ] as const) {
        const error = yield* Effect.flip(Effect.scoped(UndiciExchange.make(options)))
        assert.strictEqual(error.reason._tag, "InvalidOption")
        assert.match(error.message, problem)
      }
    })
  )
})

describe("connections", () => {
  it.live("an origin has no more than it may, and the others wait", () =>
    Effect.gen(function* () {
      let most = 0
      const held = new Set<ServerResponse>()
      const server = yield* serve((_, response) => {
        held.add(response)
        most = Math.max(most, held.size)
        // All of them at once, when there are as many as there may be.
        if (held.size < 3) return
        for (const each of held) each.end("body")
        held.clear()
      })
      const many = Effect.gen(function* () {
        const http = yield* GreenHttp.make({ baseUrl: server.url })
        yield* Effect.forEach(
          Array.from({ length: 30 }),
          () => Effect.flatMap(http.get("/"), (response) => response.text),
          { concurrency: "unbounded", discard: true }
        )
      })
      yield* Effect.provide(many, UndiciExchange.layer({ connections: 3 }))
      assert.strictEqual(most, 3)
      assert.strictEqual(server.connections(), 3)
    })
  )

  it.live("one that is being made is given up when nobody waits for it any more, and not before", () =>
    Effect.gen(function* () {
      // Says nothing, so the handshake never ends.
      const server = yield* listening(
        Net.createServer((socket) => socket.resume()),
        "https"
      )
      const http = yield* GreenHttp.make({ baseUrl: server.url })
      const ask = Effect.forkChild(http.get("/"), { startImmediately: true })
      const [first, second] = [yield* ask, yield* ask]
      yield* Effect.repeat(Effect.sleep(2), { until: () => server.open() === 2 })
      yield* Fiber.interrupt(first)
      assert.strictEqual(server.open(), 2)
      yield* Fiber.interrupt(second)
      yield* Effect.repeat(Effect.sleep(2), { until: () => server.open() === 0 })
      const again = yield* ask
      yield* Effect.repeat(Effect.sleep(2), { until: () => server.connections() === 3 })
      yield* Fiber.interrupt(again)
      yield* Effect.repeat(Effect.sleep(2), { until: () => server.open() === 0 })
    }).pipe(Effect.provide(UndiciExchange.layer()))
  )

  it.live("one that a WebSocket waits for is given up with it, and not with a request to the same origin", () =>
    Effect.gen(function* () {
      const server = yield* listening(
        Net.createServer((socket) => socket.resume()),
        "https"
      )
      const http = yield* GreenHttp.make({ baseUrl: server.url })
      const opening = yield* Effect.forkChild(Effect.scoped(http.webSocket("/")), { startImmediately: true })
      const asking = yield* Effect.forkChild(http.get("/"), { startImmediately: true })
      yield* Effect.repeat(Effect.sleep(2), { until: () => server.open() === 2 })
      yield* Fiber.interrupt(asking)
      assert.strictEqual(opening.pollUnsafe(), undefined)
      assert.strictEqual(server.open(), 2)
      yield* Fiber.interrupt(opening)
      yield* Effect.repeat(Effect.sleep(2), { until: () => server.open() === 0 })
    }).pipe(Effect.provide(UndiciExchange.layer()))
  )

  it.live("closing the scope closes them, and what waits for them fails", () =>
    Effect.gen(function* () {
      const server = yield* serve(() => {})
      const fiber = yield* Effect.scoped(
        Effect.gen(function* () {
          const exchange = yield* UndiciExchange.make()
          const asked = exchange.exchange({ method: "GET", url: server.url, headers: [] })
          const fiber = yield* Effect.forkDetach(Effect.flip(asked), { startImmediately: true })
          yield* Effect.repeat(Effect.sleep(2), { until: () => server.open() === 1 })
          return fiber
        })
      )
      assert.strictEqual((yield* Fiber.join(fiber)).reason._tag, "Closed")
      yield* Effect.repeat(Effect.sleep(2), { until: () => server.open() === 0 })
    })
  )

  it.live("a large body flows in bounded memory, up and down, as fast as the other side takes it", () =>
    Effect.gen(function* () {
      const size = 256 * 2 ** 20
      const chunk = new Uint8Array(65_536)
      const server = yield* serve((request, response) => {
        // Everything back, as it comes.
        request.pipe(response)
      })
      const flow = Effect.gen(function* () {
        const http = yield* GreenHttp.make({ baseUrl: server.url })
        let most = 0
        const body = Stream.fromIterable(
          (function* () {
            for (let sent = 0; sent < size; sent += chunk.byteLength) yield chunk
          })(),
          { chunkSize: 1 }
        )
        const response = yield* http.post("/", { body, length: size })
        const received = yield* Stream.runFold(
          response.stream,
          () => 0,
          (total, bytes) => {
            most = Math.max(most, process.memoryUsage().arrayBuffers)
            return total + bytes.byteLength
          }
        )
        return { most, received }
      })
      const { most, received } = yield* Effect.provide(flow, UndiciExchange.layer())
      assert.strictEqual(received, size)
      assert.isBelow(most, size)
    })
  )
})
