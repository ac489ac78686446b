/** How a session opens a WebSocket: what it sends, what it takes for an answer, and by which way. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import {
  Auth,
  CassetteExchange,
  GreenHttp,
  HttpError,
  HttpExchange,
  MemoryExchange,
  UndiciExchange,
  type WebSocketOptions
} from "green-http"
import { rmSync } from "node:fs"
import { createServer, type IncomingMessage } from "node:http"
import { createSecureServer as createMultiplexingServer } from "node:http2"
import { createServer as createSecureServer } from "node:https"
import { tmpdir } from "node:os"
import * as Path from "node:path"
import { duplexPair } from "node:stream"
import { Agent } from "undici"
import { directory } from "./support/directory.ts"
import { certificate, key } from "./support/certificate.ts"
import { proxy, socks } from "./support/proxies.ts"
import { listening, type Running, serveRaw } from "./support/server.ts"
import { accept, agreement, echo, serveSockets } from "./support/sockets.ts"

const network = Effect.provide(UndiciExchange.layer())

const until = (isSo: () => boolean) => Effect.repeat(Effect.sleep(2), { until: isSo })

const toWs = (url: URL, path = "/chat") => url.href.replace(/^http/, "ws").replace(/\/$/, path)

const tag = ({ reason }: HttpError) => ("code" in reason ? `${reason._tag} ${reason.code}` : reason._tag)

/** Opens it, and sees that it works. */
const greet = (url: string | URL, options: UndiciExchange.UndiciOptions = {}, socketOptions?: WebSocketOptions) =>
  Effect.gen(function* () {
    const http = yield* GreenHttp.make()
    const socket = yield* http.webSocket(url, socketOptions)
    yield* socket.send("hello")
    return yield* socket.receive
  }).pipe(Effect.provide(UndiciExchange.layer(options)), Effect.scoped)

/** Answers every message with what the handshake has said of a header. */
const telling = (name: string) =>
  serveSockets((socket, request) => socket.on("message", () => socket.send(String(request.headers[name] ?? "none"))))

describe("the handshake", () => {
  it.live("has the headers, the cookies and the auth of the session, at its own origin only", () =>
    Effect.gen(function* () {
      const seen: Array<IncomingMessage> = []
      const admit = (request: IncomingMessage) => {
        seen.push(request)
        return { headers: { "set-cookie": "session=1; Path=/" } }
      }
      const own = yield* serveSockets(echo, {}, admit)
      const other = yield* serveSockets(echo, {}, admit)
      const http = yield* GreenHttp.make({
        baseUrl: own.url,
        headers: { "x-app": "green", "x-both": "session" },
        auth: Auth.basic("user", "password")
      })
      yield* http.webSocket("/first", { params: { room: "a b" }, headers: { "x-both": "own" } })
      yield* http.webSocket(toWs(own.url, "/second"))
      yield* http.webSocket(new URL(toWs(other.url, "/third")))
      const of = (index: number) => {
        const { headers, url } = seen[index] ?? assert.fail("not asked")
        return [url, headers["x-app"], headers["x-both"], headers.cookie, headers.authorization !== undefined]
      }
      assert.deepStrictEqual(of(0), ["/first?room=a+b", "green", "own", undefined, true])
      assert.deepStrictEqual(of(1), ["/second", "green", "session", "session=1", true])
      assert.deepStrictEqual(of(2), ["/third", undefined, undefined, undefined, false])
      assert.strictEqual(http.cookies?.header(own.url), "session=1")
    }).pipe(network)
  )

  it.live("answers a challenge: digest after a 401, and a user and password of the URL are basic", () =>
    Effect.gen(function* () {
      const keys = new Set<string | undefined>()
      const server = yield* serveSockets(echo, {}, (request) => {
        keys.add(request.headers["sec-websocket-key"])
        return /^Digest username="user".*uri="\/chat"/.test(request.headers.authorization ?? "") ? {} : 401
      })
      const http = yield* GreenHttp.make({ baseUrl: server.url, auth: yield* Auth.digest("user", "password") })
      const socket = yield* http.webSocket("/chat")
      yield* socket.send("in")
      assert.strictEqual(yield* socket.receive, "in")
      // Each attempt has a key of its own.
      assert.strictEqual(keys.size, 2)
      const basic = yield* telling("authorization")
      const withUser = toWs(basic.url).replace("//", "//me:secret@")
      const anonymous = yield* GreenHttp.make()
      const told = yield* anonymous.webSocket(withUser)
      assert.notInclude(told.url, "secret")
      yield* told.send("?")
      assert.strictEqual(yield* told.receive, `Basic ${Buffer.from("me:secret").toString("base64")}`)
    }).pipe(network)
  )

  it.live("offers subprotocols, and takes the one that the server has taken", () =>
    Effect.gen(function* () {
      const server = yield* serveSockets(echo, { handleProtocols: (offered) => (offered.has("b") ? "b" : false) })
      const http = yield* GreenHttp.make({ baseUrl: server.url })
      assert.strictEqual((yield* http.webSocket("/", { protocols: ["a", "b"] })).protocol, "b")
      assert.strictEqual((yield* http.webSocket("/", { protocols: "b" })).protocol, "b")
      assert.strictEqual((yield* http.webSocket("/")).protocol, undefined)
      const none = yield* Effect.flip(http.webSocket("/", { protocols: ["a"] }))
      assert.include(none.message, "the server has taken no subprotocol")
      for (const protocols of [["a b"], [""], ["a", "A"]]) {
        const error = yield* Effect.flip(http.webSocket("/", { protocols }))
        assert.strictEqual(tag(error), "InvalidRequest")
      }
      yield* until(() => server.open() === 3)
    }).pipe(network)
  )

  it.live("that is refused is a failure with the status; a redirect is not followed; nothing stays open", () =>
    Effect.gen(function* () {
      let status = 0
      const server = yield* serveSockets(echo, {}, () => status)
      const http = yield* GreenHttp.make({ baseUrl: server.url })
      for (status of [200, 302, 401, 403, 404, 500]) {
        const error = yield* Effect.flip(http.webSocket("/"))
        assert.deepStrictEqual(error.reason, { _tag: "Status", status })
      }
      yield* until(() => server.open() === 0)
    }).pipe(network)
  )

  it.live("is asked for again as the policy of the session says", () =>
    Effect.gen(function* () {
      let asked = 0
      const server = yield* serveSockets(echo, {}, () => (++asked < 3 ? 503 : {}))
      const retry = { schedule: Schedule.recurs(5) }
      const http = yield* GreenHttp.make({ baseUrl: server.url, retry })
      yield* http.webSocket("/")
      assert.strictEqual(asked, 3)
      asked = 0
      const once = yield* Effect.flip(http.webSocket("/", { retry: false }))
      assert.deepStrictEqual(once.reason, { _tag: "Status", status: 503 })
    }).pipe(network)
  )

  it.live("whose answer is none fails, and hangs up", () =>
    Effect.gen(function* () {
      const answers: ReadonlyArray<readonly [(request: string) => string, string]> = [
        [(request) => agreement(request).replace(/accept: .*\r/, "accept: bm90aGluZw==\r"), "has not seen the key"],
        [(request) => agreement(request).replace("websocket\r", "other\r"), "upgraded to something else"],
        [(request) => agreement(request, "sec-websocket-extensions: permessage-deflate\r\n"), "none was offered"],
        [(request) => agreement(request, "sec-websocket-protocol: x\r\n"), "that was not offered"],
        [() => "HTTP/1.1 101 Yes\r\n\r\n", "did not say to which"]
      ]
      for (const [answer, problem] of answers) {
        const server = yield* serveRaw((socket, head) => socket.write(answer(head)))
        const http = yield* GreenHttp.make({ baseUrl: server.url })
        const error = yield* Effect.flip(http.webSocket("/"))
        assert.strictEqual(error.reason._tag, "Protocol")
        assert.include(error.message, problem)
        yield* until(() => server.open() === 0)
      }
    }).pipe(network)
  )

  it.live("takes no longer than it may, and holds nothing when it is interrupted, or the server hangs up", () =>
    Effect.gen(function* () {
      const server = yield* serveRaw(() => {})
      const http = yield* GreenHttp.make({ baseUrl: server.url })
      for (const phase of ["response", "total"] as const) {
        const error = yield* Effect.flip(http.webSocket("/", { timeouts: { [phase]: 30 } }))
        assert.deepStrictEqual(error.reason, { _tag: "Timeout", phase, milliseconds: 30 })
        yield* until(() => server.open() === 0)
      }
      const fiber = yield* Effect.forkChild(Effect.scoped(http.webSocket("/")))
      yield* until(() => server.open() === 1)
      yield* Fiber.interrupt(fiber)
      yield* until(() => server.open() === 0)
      const rude = yield* serveRaw((socket) => socket.destroy())
      const error = yield* Effect.flip(http.webSocket(rude.url))
      assert.strictEqual(error.reason._tag, "Connect")
    }).pipe(network)
  )

  it.live("that is interrupted at any step leaves no connection", () =>
    Effect.gen(function* () {
      const server = yield* serveSockets(echo)
      const http = yield* GreenHttp.make({ baseUrl: server.url, hooks: { response: () => Effect.yieldNow } })
      for (let steps = 0; steps < 60; steps++) {
        const fiber = yield* Effect.forkChild(Effect.scoped(Effect.flatMap(http.webSocket("/"), () => Effect.never)))
        for (let step = 0; step < steps; step++)
          yield* Effect.callback<void>((resume) => void setImmediate(() => resume(Effect.void)))
        yield* Fiber.interrupt(fiber)
      }
      yield* until(() => server.open() === 0)
    }).pipe(network)
  )

  it.live("of a URL that is none, or of another scheme, is not tried", () =>
    Effect.gen(function* () {
      const http = yield* GreenHttp.make()
      for (const url of ["/chat", "ftp://host/", "wss://", "ws:"]) {
        assert.strictEqual(tag(yield* Effect.flip(http.webSocket(url))), "InvalidUrl", url)
      }
    }).pipe(network)
  )
})

describe("the way to the server", () => {
  const secure = Effect.suspend(() => listening(accept(createSecureServer({ cert: certificate, key }), echo), "https"))

  it.live("may be TLS, with an authority of one's own, also where exchanges are HTTP/2", () =>
    Effect.gen(function* () {
      const server = yield* secure
      assert.strictEqual(yield* greet(toWs(server.url), { tls: { ca: certificate } }), "hello")
      const both = createMultiplexingServer({ cert: certificate, key, allowHTTP1: true })
      const modern = yield* listening(accept(both, echo), "https")
      assert.strictEqual(yield* greet(toWs(modern.url), { http2: true, tls: { ca: certificate } }), "hello")
      assert.strictEqual((yield* Effect.flip(greet(toWs(server.url)))).reason._tag, "Tls")
    })
  )

  it.live("is a tunnel where there is a proxy, by HTTP or SOCKS5, to ws and to wss", () =>
    Effect.gen(function* () {
      const plain = yield* serveSockets(echo)
      const encrypted = yield* secure
      const tunnels = yield* proxy(`Basic ${Buffer.from("user:p@ss").toString("base64")}`)
      const url = new URL(tunnels.url)
      url.username = "user"
      url.password = "p@ss"
      const tls = { ca: certificate }
      assert.strictEqual(yield* greet(toWs(plain.url), { proxy: url }), "hello")
      assert.strictEqual(yield* greet(toWs(encrypted.url), { proxy: url, tls }), "hello")
      assert.deepStrictEqual(tunnels.seen, [`CONNECT ${plain.url.host}`, `CONNECT ${encrypted.url.host}`])
      const refused = yield* Effect.flip(greet(toWs(plain.url), { proxy: tunnels.url }))
      assert.strictEqual(refused.reason._tag, "Refused", refused.message)
      const blind = yield* socks()
      const named = `ws://name.test:${plain.url.port}/`
      assert.strictEqual(yield* greet(named, { proxy: `socks5://${blind.url.host}` }), "hello")
      assert.deepStrictEqual(blind.seen, [`name.test:${plain.url.port}`])
      yield* until(() => tunnels.open() === 0 && blind.open() === 0)
    })
  )

  it.live("may be a Unix socket, an address of one's own, and has to pass the address filter", () =>
    Effect.gen(function* () {
      const folder = yield* directory
      const socketPath = Path.join(folder, "socket")
      yield* Effect.acquireRelease(
        Effect.callback<ReturnType<typeof createServer>>((resume) => {
          const server = accept(createServer(), echo)
          server.listen(socketPath, () => resume(Effect.succeed(server)))
        }),
        (server) => Effect.sync(() => server.close())
      )
      assert.strictEqual(yield* greet("ws://daemon/", { socketPath }), "hello")
      const server = yield* serveSockets(echo)
      const url = `ws://chat.test:${server.url.port}/`
      const addresses = { "chat.test": "127.0.0.1" }
      assert.strictEqual(yield* greet(url, { addresses }), "hello")
      const error = yield* Effect.flip(greet(url, { addresses, allowAddress: () => false }))
      assert.strictEqual(error.reason._tag, "Refused")
      assert.strictEqual(yield* greet(url, { addresses, connections: 1 }), "hello")
    })
  )
})

describe("an upgrade over the network", () => {
  it.live("lets go when it is interrupted, though its scope lives on, and the dispatcher is late", () =>
    Effect.gen(function* () {
      let peers = 0
      const server = yield* serveSockets(() => void peers++)
      let late: (() => void) | undefined
      const agent = yield* Effect.acquireRelease(
        Effect.sync(() => new Agent()),
        (agent) => Effect.promise(() => agent.destroy())
      )
      const dispatcher = agent.compose((dispatch) => (options, handler) => {
        // It hears of no abort, and tells when it is asked to.
        const { promise, resolve } = Promise.withResolvers<void>()
        late = resolve
        return dispatch(options, {
          onRequestStart: () => {},
          onResponseError: () => {},
          onRequestUpgrade: (controller, status, headers, socket) =>
            void promise.then(() => handler.onRequestUpgrade?.(controller, status, headers, socket))
        })
      })
      const { upgrade } = yield* UndiciExchange.make({ dispatcher })
      const headers = ["sec-websocket-version", "13", "sec-websocket-key", "MTIzNDU2Nzg5MDEyMzQ1Ng=="]
      const request = { method: "GET", url: server.url, headers, protocol: "websocket" }
      const fiber = yield* Effect.forkChild(upgrade(request))
      yield* until(() => peers === 1)
      yield* Fiber.interrupt(fiber)
      late?.()
      yield* until(() => server.open() === 0)

      const silent = yield* serveRaw(() => {})
      const plain = yield* UndiciExchange.make()
      const waiting = yield* Effect.forkChild(plain.upgrade({ ...request, url: silent.url }))
      yield* until(() => silent.open() === 1)
      yield* Fiber.interrupt(waiting)
      yield* until(() => silent.open() === 0)
    })
  )
})

describe("a handler", () => {
  it.effect("without upgrade fails typed, and says so", () =>
    Effect.gen(function* () {
      const http = yield* GreenHttp.make({ baseUrl: "http://app.test" })
      const error = yield* Effect.flip(http.webSocket("/"))
      assert.strictEqual(tag(error), "Unsupported")
      assert.include(error.message, "its handler has no upgrade")
    }).pipe(Effect.provide(MemoryExchange.layer(() => new Response())))
  )

  it.live("that records cassettes has none, and one around another passes it on: the handshake is an exchange", () =>
    Effect.gen(function* () {
      const server = yield* telling("x-added")
      const seen: Array<string> = []
      const around = HttpExchange.around((request, next) => {
        const headers = [...request.headers, "x-added", "yes"]
        return Effect.tap(next({ ...request, headers }), ({ status }) =>
          Effect.sync(() => seen.push(`${request.method} ${request.url.pathname} ${status}`))
        )
      })
      const told = yield* Effect.gen(function* () {
        const http = yield* GreenHttp.make({ baseUrl: server.url })
        const socket = yield* http.webSocket("/chat")
        yield* socket.send("?")
        return yield* socket.receive
      }).pipe(Effect.provide(Layer.provide(around, UndiciExchange.layer())), Effect.scoped)
      assert.strictEqual(told, "yes")
      assert.deepStrictEqual(seen, ["GET /chat 101"])
      const recorded = Layer.provide(
        CassetteExchange.record(Path.join(tmpdir(), "green-none.json")),
        UndiciExchange.layer()
      )
      const error = yield* Effect.flip(
        Effect.scoped(Effect.flatMap(GreenHttp.make(), (http) => http.webSocket(server.url))).pipe(
          Effect.provide(recorded)
        )
      )
      assert.strictEqual(tag(error), "Unsupported")
      rmSync(Path.join(tmpdir(), "green-none.json"))
    })
  )

  it.effect("may be of one's own: whatever carries bytes both ways", () =>
    Effect.gen(function* () {
      const application = Layer.succeed(HttpExchange, {
        exchange: () => Effect.succeed(HttpExchange.response(404, [])),
        upgrade: ({ headers, protocol }) =>
          Effect.sync(() => {
            const [connection, peer] = duplexPair()
            peer.write(Buffer.of(0x81, 5, ...Buffer.from("hello"), 0x88, 0))
            peer.on("data", () => peer.end())
            const request = headers.map((field, index) => field + (index % 2 === 0 ? ": " : "\r\n")).join("")
            const accepted = /accept: (.*)\r/.exec(agreement(request))?.[1] ?? ""
            const head = HttpExchange.response(101, ["upgrade", protocol, "sec-websocket-accept", accepted])
            return { ...head, connection }
          })
      })
      yield* Effect.gen(function* () {
        const http = yield* GreenHttp.make({ baseUrl: "http://app.test" })
        const socket = yield* http.webSocket("/")
        assert.strictEqual(socket.url, "ws://app.test/")
        assert.deepStrictEqual(yield* Stream.runCollect(socket.messages), ["hello"])
        assert.deepStrictEqual(yield* socket.closed, { code: 1005, reason: "" })
        yield* socket.close()
      }).pipe(Effect.provide(application), Effect.scoped)
    })
  )
})

describe("a session that gives promises", () => {
  const promised = (server: Running) => GreenHttp.promises(UndiciExchange.layer(), { baseUrl: server.url })

  it.live("gives a WebSocket whose methods do, and whose messages are a loop", () =>
    Effect.gen(function* () {
      const server = yield* serveSockets(
        (socket) => {
          echo(socket)
          socket.on("message", (data: Buffer) => data.toString() === "end" && socket.close(3000, "bye"))
        },
        { handleProtocols: () => "chat" }
      )
      yield* Effect.promise(async () => {
        await using http = await promised(server)
        await using socket = await http.webSocket("/", { protocols: "chat" })
        assert.strictEqual(socket.protocol, "chat")
        await socket.send("one")
        await socket.send(Uint8Array.of(2))
        assert.strictEqual(await socket.receive(), "one")
        for await (const message of socket) {
          assert.deepStrictEqual(message, Uint8Array.of(2))
          break
        }
        await socket.send("end")
        const rest: Array<unknown> = []
        for await (const message of socket) rest.push(message)
        assert.deepStrictEqual(rest, ["end"])
        assert.deepStrictEqual(await socket.closed, { code: 3000, reason: "bye" })
      })
      yield* until(() => server.open() === 0)
    })
  )

  it.live("closes those that are open with it, and a signal interrupts the handshake", () =>
    Effect.gen(function* () {
      const server = yield* serveSockets(echo)
      const silent = yield* serveRaw(() => {})
      yield* Effect.promise(async () => {
        await using http = await promised(server)
        const socket = await http.webSocket("/")
        await http.webSocket("/").then((other) => other.close())
        const controller = new AbortController()
        const never = http.webSocket(silent.url, { signal: controller.signal })
        controller.abort()
        assert.isTrue(
          await never.then(
            () => false,
            () => true
          )
        )
        const refused: unknown = await http.webSocket("ftp://host/").catch((error: unknown) => error)
        assert.instanceOf(refused, HttpError)
        await socket.send("still open")
        assert.strictEqual(await socket.receive(), "still open")
      })
      yield* until(() => server.open() === 0 && silent.open() === 0)
    })
  )
})
