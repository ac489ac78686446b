/** Handlers other than the network: the same sessions over each. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { Auth, CassetteExchange, GreenHttp, HttpExchange, MemoryExchange, UndiciExchange } from "green-http"
import { readFileSync, writeFileSync } from "node:fs"
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import * as Path from "node:path"
import { directory } from "./support/directory.ts"
import { bodyOf, serve } from "./support/server.ts"

/** What a client may meet: a redirect that sets a cookie, an echo, an error. */
const session = (baseUrl: string | URL) =>
  Effect.gen(function* () {
    const http = yield* GreenHttp.make({ baseUrl, auth: Auth.bearer("secret") })
    const redirected = yield* http.get("/start")
    const echoed = yield* http.post("/echo?key=hidden", { json: { n: 1 } })
    const streamed = yield* http.put("/echo", { body: Stream.encodeText(Stream.make("a", "b")) })
    const missing = yield* http.get("/missing")
    return [
      yield* redirected.text,
      redirected.history.map(({ status }) => status),
      yield* echoed.json,
      yield* streamed.text,
      missing.status,
      yield* missing.text
    ]
  })

const expected = ["cookie: seen=1", [302], { n: 1 }, "ab", 404, ""]

const listen = async (request: IncomingMessage, response: ServerResponse) => {
  const path = request.url?.split("?")[0]
  if (path === "/start") response.writeHead(302, { location: "/end", "set-cookie": "seen=1; Path=/" }).end("moved")
  else if (path === "/end") response.end(`cookie: ${request.headers.cookie}`)
  else if (path === "/echo") response.end(await bodyOf(request))
  else response.writeHead(404).end()
}

describe("an application in memory", () => {
  const app = MemoryExchange.layer(async (request) => {
    const { pathname } = new URL(request.url)
    if (pathname === "/start") {
      return new Response("moved", { status: 302, headers: { location: "/end", "set-cookie": "seen=1; Path=/" } })
    }
    if (pathname === "/end") return new Response(`cookie: ${request.headers.get("cookie")}`)
    return pathname === "/echo" ? new Response(request.body) : new Response(null, { status: 404 })
  })

  it.effect("is asked as a server is", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* session("http://app.test"), expected)
    }).pipe(Effect.provide(app))
  )

  it.effect("several Set-Cookie stay apart", () =>
    Effect.gen(function* () {
      const http = yield* GreenHttp.make({ baseUrl: "http://app.test" })
      const response = yield* http.get("/")
      assert.deepStrictEqual(
        response.cookies.map(({ key, value }) => [key, value]),
        [
          ["a", "1"],
          ["b", "2"]
        ]
      )
    }).pipe(
      Effect.provide(
        MemoryExchange.layer(() => {
          const headers = new Headers([
            ["set-cookie", "a=1"],
            ["set-cookie", "b=2"]
          ])
          return new Response(null, { headers })
        })
      )
    )
  )

  it.effect("that throws is a typed failure; so is a body that fails, and a request that Fetch does not take", () =>
    Effect.gen(function* () {
      const http = yield* GreenHttp.make({ baseUrl: "http://app.test" })
      assert.deepStrictEqual((yield* Effect.flip(http.get("/throw"))).reason, {
        _tag: "Connect",
        code: "HANDLER",
        problem: "broken"
      })
      const body = yield* Effect.flip(Effect.flatMap(http.get("/body"), ({ text }) => text))
      assert.strictEqual(body.reason._tag, "Protocol")
      assert.strictEqual((yield* Effect.flip(http.request("TRACE", "/"))).reason._tag, "InvalidRequest")
    }).pipe(
      Effect.provide(
        MemoryExchange.layer((request) => {
          if (request.url.endsWith("/throw")) throw new Error("broken")
          const failing = new ReadableStream({ pull: (controller) => controller.error(new Error("half")) })
          return new Response(failing)
        })
      )
    )
  )

  it.effect("an interrupted exchange and a discarded body abort the signal of the request", () =>
    Effect.gen(function* () {
      let aborted = 0
      const app = MemoryExchange.layer((request) => {
        request.signal.addEventListener("abort", () => aborted++)
        return request.url.endsWith("/never") ? new Promise<Response>(() => {}) : new Response("body")
      })
      yield* Effect.gen(function* () {
        const http = yield* GreenHttp.make({ baseUrl: "http://app.test" })
        const fiber = yield* Effect.forkChild(http.get("/never"), { startImmediately: true })
        yield* Fiber.interrupt(fiber)
        assert.strictEqual(aborted, 1)
        yield* Effect.flatMap(http.get("/"), (response) => response.discard)
        assert.strictEqual(aborted, 2)
      }).pipe(Effect.provide(app))
    })
  )
})

describe("a listener of node:http in memory", () => {
  const get = { method: "GET", url: new URL("http://app.test/"), headers: [] }

  it.effect("is asked as a server is, without a socket of the system", () =>
    Effect.gen(function* () {
      const app = MemoryExchange.layerNode(listen)
      assert.deepStrictEqual(yield* Effect.provide(session("http://app.test"), app), expected)
      assert.deepStrictEqual(yield* Effect.provide(session("https://app.test"), app), expected)
    })
  )

  it.effect("knows https by its socket, and where the request comes from", () =>
    Effect.gen(function* () {
      const exchange = yield* MemoryExchange.fromNode(({ headers, socket }, response) => {
        const secure = "encrypted" in socket && socket.encrypted === true
        response.end(`${headers.host} ${secure} ${socket.remoteAddress}`)
      })
      for (const [url, text] of [
        ["http://app.test:8080/", "app.test:8080 false 127.0.0.1"],
        ["https://app.test/", "app.test true 127.0.0.1"]
      ] as const) {
        const { body } = yield* exchange({ ...get, url: new URL(url) })
        assert.strictEqual(String((yield* body.pull)?.[0]), text)
      }
    })
  )

  it.effect("that throws or rejects, before the head or after it, is a typed failure that says what", () =>
    Effect.gen(function* () {
      const exchange = yield* MemoryExchange.fromNode((request, response) => {
        if (request.url === "/throw") throw new Error("broken")
        if (request.url === "/late") response.write("half")
        return Promise.reject(new Error("broken"))
      })
      const ask = (path: string) => exchange({ ...get, url: new URL(path, get.url) })
      const reason = { _tag: "Connect", code: "HANDLER", problem: "broken" } as const
      assert.deepStrictEqual((yield* Effect.flip(ask("/throw"))).reason, reason)
      assert.deepStrictEqual((yield* Effect.flip(ask("/reject"))).reason, reason)
      const late = yield* Effect.flip(Effect.flatMap(ask("/late"), ({ body }) => Effect.forever(body.pull)))
      assert.include(late.message, "broken")
    })
  )

  it.effect("keeps its connections for the next request, and closes them with the scope", () =>
    Effect.gen(function* () {
      const sockets = new Set<unknown>()
      let closed = 0
      const server = createServer((request, response) => {
        if (!sockets.has(request.socket)) request.socket.once("close", () => closed++)
        sockets.add(request.socket)
        response.end("body")
      })
      const http = yield* Effect.scoped(
        Effect.gen(function* () {
          const exchange = yield* MemoryExchange.fromNode(server)
          for (let n = 0; n < 5; n++) {
            const { body } = yield* exchange(get)
            while ((yield* body.pull) !== undefined);
          }
          assert.strictEqual(sockets.size, 1)
          return exchange
        })
      )
      yield* Effect.repeat(Effect.yieldNow, { until: () => closed === 1 })
      assert.strictEqual((yield* Effect.flip(http(get))).reason._tag, "Closed")
    })
  )
})

describe("a cassette", () => {
  it.live("plays back without a network what was recorded, in the file without its secrets", () =>
    Effect.gen(function* () {
      const path = Path.join(yield* directory, "deep", "cassette.json")
      const options: CassetteExchange.CassetteOptions = {
        redactParameters: ["key"],
        redact: (recorded) => recorded
      }
      const url = yield* Effect.scoped(
        Effect.gen(function* () {
          const server = yield* serve(listen)
          const recording = Layer.provide(CassetteExchange.record(path, options), UndiciExchange.layer())
          assert.deepStrictEqual(yield* Effect.provide(session(server.url), recording), expected)
          return server.url
        })
      )
      const text = readFileSync(path, "utf8")
      for (const secret of ["secret", "hidden", "seen=1; Path"]) assert.notInclude(text, secret)
      // The cookie that the redirect set is redacted: what is asked with it is told by the URL.
      const played = yield* Effect.provide(session(url), CassetteExchange.play(path, options))
      assert.deepStrictEqual(played, expected)
    })
  )

  it.live("a request that was not recorded fails, and says what is nearest", () =>
    Effect.gen(function* () {
      const path = Path.join(yield* directory, "cassette.json")
      const recording = Layer.provide(
        CassetteExchange.record(path),
        MemoryExchange.layer(() => new Response("body"))
      )
      const post = (body: string) =>
        Effect.gen(function* () {
          const http = yield* GreenHttp.make()
          return yield* Effect.flatMap(http.post("http://app.test/a", { body }), ({ text }) => text)
        })
      yield* Effect.provide(post("recorded"), recording)
      const error = yield* Effect.flip(Effect.provide(post("other"), CassetteExchange.play(path)))
      assert.strictEqual(error.reason._tag, "Unplayed")
      assert.include(error.message, "POST http://app.test/a, differs in its body")
      const lenient = CassetteExchange.play(path, { match: ["method", "path"] })
      assert.strictEqual(yield* Effect.provide(post("other"), lenient), "body")
    })
  )

  it.live("the same request is answered in the order in which it was recorded, and then by the last", () =>
    Effect.gen(function* () {
      const path = Path.join(yield* directory, "cassette.json")
      let count = 0
      const recording = Layer.provide(
        CassetteExchange.record(path),
        MemoryExchange.layer(() => new Response(String(++count)))
      )
      const thrice = Effect.gen(function* () {
        const http = yield* GreenHttp.make()
        return yield* Effect.forEach([1, 2, 3], () => Effect.flatMap(http.get("http://app.test/"), ({ text }) => text))
      })
      const twice = Effect.map(Effect.provide(thrice, recording), (answers) => answers)
      assert.deepStrictEqual(yield* twice, ["1", "2", "3"])
      const player = CassetteExchange.play(path)
      const all = yield* Effect.provide(Effect.all([thrice, thrice]), player)
      assert.deepStrictEqual(all, [
        ["1", "2", "3"],
        ["3", "3", "3"]
      ])
    })
  )

  it.live("a file that cannot be written fails typed before anything is asked", () =>
    Effect.gen(function* () {
      const file = Path.join(yield* directory, "file")
      writeFileSync(file, "")
      const path = Path.join(file, "cassette.json")
      const app = MemoryExchange.layer(() => new Response("body"))
      const error = yield* Effect.flip(Effect.scoped(Layer.build(Layer.provide(CassetteExchange.record(path), app))))
      assert.strictEqual(error.reason._tag, "InvalidOption")
      assert.include(error.message, path)
    })
  )

  it.live("a file that is not there or is no cassette is a typed failure of each request", () =>
    Effect.gen(function* () {
      const path = Path.join(yield* directory, "cassette.json")
      const get = Effect.flatMap(GreenHttp.make(), (http) => Effect.flip(http.get("http://app.test/")))
      assert.include((yield* Effect.provide(get, CassetteExchange.play(path))).message, "could not be read")
      for (const text of ["{}", "[", '{"version":1,"exchanges":[{}]}']) {
        writeFileSync(path, text)
        assert.strictEqual((yield* Effect.provide(get, CassetteExchange.play(path))).reason._tag, "Unplayed")
      }
    })
  )
})

describe("a handler of one's own", () => {
  it.effect("may be interposed: a failure in the k-th exchange, for every k, is that failure or success", () =>
    Effect.gen(function* () {
      const app = MemoryExchange.layer((request) =>
        request.url.endsWith("/start")
          ? new Response(null, { status: 302, headers: { location: "/end" } })
          : new Response("end")
      )
      for (let k = 1; k <= 3; k++) {
        let count = 0
        const faulty = HttpExchange.around((_, next) =>
          ++count === k ? Effect.map(next(), () => HttpExchange.response(500, [])) : next()
        )
        const status = yield* Effect.flatMap(GreenHttp.make({ baseUrl: "http://app.test" }), (http) =>
          http.get("/start")
        ).pipe(
          Effect.map((response) => response.status),
          Effect.provide(Layer.provide(faulty, app))
        )
        assert.strictEqual(status, k <= 2 ? 500 : 200)
      }
    })
  )
})
