/** The cache of the network handler, against real servers. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { Auth, GreenHttp, HttpExchange, UndiciExchange } from "green-http"
import type { IncomingMessage, ServerResponse } from "node:http"
import { createSecureServer } from "node:http2"
import * as Path from "node:path"
import { gzipSync } from "node:zlib"
import { directory } from "./support/directory.ts"
import { certificate, key } from "./support/certificate.ts"
import { listening, serve } from "./support/server.ts"

type Listener = (request: IncomingMessage, response: ServerResponse, asked: number) => void

const session = (baseUrl: URL, cache: UndiciExchange.CacheOptions | boolean, options?: GreenHttp.SessionOptions) =>
  Effect.provideServiceEffect(GreenHttp.make({ baseUrl, ...options }), HttpExchange, UndiciExchange.make({ cache }))

/** A server that counts what it is asked, and a session that asks it through a cache. */
const caching = (
  listener: Listener,
  cache: UndiciExchange.CacheOptions | boolean = true,
  options?: GreenHttp.SessionOptions
) =>
  Effect.gen(function* () {
    let asked = 0
    const server = yield* serve((request, response) => listener(request, response, ++asked))
    const http = yield* session(server.url, cache, options)
    const text = (path: string, options?: GreenHttp.RequestOptions) =>
      Effect.flatMap(http.get(path, options), (response) => response.text)
    return { server, http, text, asked: () => asked }
  })

const fresh = { "cache-control": "max-age=60" }
const long = Buffer.alloc(1024 * 1024, "0123456789")

describe("a cache", () => {
  it.live("is not there unless it is asked for", () =>
    Effect.gen(function* () {
      const { asked, text } = yield* caching((_, response) => response.writeHead(200, fresh).end("body"), false)
      assert.deepStrictEqual([yield* text("/"), yield* text("/")], ["body", "body"])
      assert.strictEqual(asked(), 2)
    })
  )

  it.live("gives again what is fresh, whole, with its headers and its age", () =>
    Effect.gen(function* () {
      const { asked, http } = yield* caching((request, response, asked) => {
        response.writeHead(200, "Fine", { ...fresh, age: "7", "x-asked": String(asked), "x-two": ["a", "b"] })
        response.end(request.url === "/long" ? long : request.url === "/empty" ? "" : "body")
      })
      for (const [path, length] of [
        ["/", 4],
        ["/long", long.length],
        ["/empty", 0]
      ] as const) {
        const before = asked()
        const first = yield* http.get(path)
        const bytes = yield* first.bytes
        const again = yield* http.get(path)
        assert.strictEqual(asked(), before + 1, path)
        assert.strictEqual(bytes.byteLength, length)
        assert.deepStrictEqual(Buffer.compare(yield* again.bytes, bytes), 0)
        assert.deepStrictEqual([again.status, again.statusText], [200, "Fine"])
        assert.strictEqual(again.headers["x-asked"], first.headers["x-asked"])
        assert.strictEqual(again.headers["x-two"], "a, b")
        assert.strictEqual(again.headers["age"], "7")
      }
    })
  )

  it.live("keeps nothing that says no-store, that says nothing, or that is asked with no-store", () =>
    Effect.gen(function* () {
      const { asked, text } = yield* caching((request, response) => {
        const headers =
          request.url === "/asked" ? fresh : request.url === "/said" ? { "cache-control": "no-store" } : {}
        response.writeHead(200, headers).end("body")
      })
      for (const path of ["/said", "/nothing", "/asked"]) {
        const before = asked()
        for (let times = 0; times < 2; times++) yield* text(path, { headers: { "cache-control": "no-store" } })
        if (path !== "/asked") for (let times = 0; times < 2; times++) yield* text(path)
        assert.strictEqual(asked() - before, path === "/asked" ? 2 : 4, path)
      }
    })
  )

  it.live("keeps what says nothing, if it is told for how long", () =>
    Effect.gen(function* () {
      const { asked, text } = yield* caching((_, response) => response.end("body"), { freshFor: "1 minute" })
      assert.deepStrictEqual([yield* text("/"), yield* text("/")], ["body", "body"])
      assert.strictEqual(asked(), 1)
    })
  )

  it.live("gives a response by the headers that it varies with", () =>
    Effect.gen(function* () {
      const { asked, text } = yield* caching((request, response) =>
        response.writeHead(200, { ...fresh, vary: "Accept-Language" }).end(request.headers["accept-language"])
      )
      for (const language of ["de", "en", "de", "en"]) {
        assert.strictEqual(yield* text("/", { headers: { "Accept-Language": language } }), language)
      }
      assert.strictEqual(asked(), 2)
    })
  )

  it.live("asks whether what is stale is still true; after a 304 it is fresh again, with the headers of both", () =>
    Effect.gen(function* () {
      const { asked, http } = yield* caching((request, response, asked) => {
        const headers = { etag: '"one"', "x-asked": String(asked), "content-type": "text/one" }
        if (asked === 1) response.writeHead(200, { ...headers, "cache-control": "max-age=0" }).end("one")
        else if (request.headers["if-none-match"] === '"one"') {
          response.writeHead(304, { etag: '"one"', "x-asked": String(asked), ...fresh }).end()
        } else response.writeHead(200, headers).end("two")
      })
      yield* Effect.flatMap(http.get("/"), ({ text }) => text)
      for (let times = 0; times < 3; times++) {
        const response = yield* http.get("/")
        assert.deepStrictEqual([response.status, yield* response.text], [200, "one"])
        assert.strictEqual(response.headers["x-asked"], "2")
        assert.strictEqual(response.headers["content-type"], "text/one")
        assert.isUndefined(response.headers["warning"])
      }
      assert.strictEqual(asked(), 2)
    })
  )

  it.live("takes what comes instead of a 304, and a 304 about something else is asked again", () =>
    Effect.gen(function* () {
      const { asked, text } = yield* caching((request, response, asked) => {
        if (request.headers["if-none-match"] === '"two"') response.writeHead(304, { etag: '"three"' }).end()
        else {
          const etag = asked === 1 ? '"one"' : '"two"'
          response.writeHead(200, { etag, "cache-control": "no-cache" }).end(`body ${asked}`)
        }
      })
      assert.deepStrictEqual([yield* text("/"), yield* text("/"), yield* text("/")], ["body 1", "body 2", "body 4"])
      assert.strictEqual(asked(), 4)
    })
  )

  it.live("a long body is as it was after a 304, and flows as fast as it is read", () =>
    Effect.gen(function* () {
      const { asked, http } = yield* caching((request, response) => {
        const headers = { etag: '"long"', "cache-control": "no-cache" }
        if (request.headers["if-none-match"] === undefined) response.writeHead(200, headers).end(long)
        else response.writeHead(304, headers).end()
      })
      for (let times = 0; times < 3; times++) {
        const response = yield* http.get("/")
        const read = yield* Stream.runFold(
          Stream.tap(response.stream, () => Effect.yieldNow),
          () => 0,
          (size, chunk) => size + chunk.byteLength
        )
        assert.strictEqual(read, long.length)
      }
      const last = yield* http.get("/")
      assert.strictEqual(Buffer.compare(yield* last.bytes, long), 0)
      assert.strictEqual(asked(), 4)
    })
  )

  it.live("does so over HTTP/2", () =>
    Effect.gen(function* () {
      let asked = 0
      const server = yield* listening(
        createSecureServer({ cert: certificate, key }, (request, response) => {
          asked++
          const headers = { etag: '"long"', "cache-control": "no-cache" }
          if (request.headers["if-none-match"] === undefined) response.writeHead(200, headers).end(long)
          else response.writeHead(304, headers).end()
        }),
        "https"
      )
      const http = yield* Effect.provideServiceEffect(
        GreenHttp.make({ baseUrl: server.url }),
        HttpExchange,
        UndiciExchange.make({ cache: true, http2: true, tls: { ca: certificate } })
      )
      for (let times = 0; times < 3; times++) {
        const response = yield* http.get("/")
        assert.strictEqual(response.status, 200)
        assert.strictEqual(Buffer.compare(yield* response.bytes, long), 0)
      }
      assert.strictEqual(asked, 3)
    })
  )

  it.live("a question that nobody answers can be interrupted, and takes no longer than the response may", () =>
    Effect.gen(function* () {
      const { asked, http, server, text } = yield* caching((_, response, asked) => {
        if (asked === 1) response.writeHead(200, { etag: '"one"', "cache-control": "no-cache" }).end("one")
      })
      yield* text("/")
      const fiber = yield* Effect.forkChild(http.get("/"), { startImmediately: true })
      yield* Effect.repeat(Effect.sleep(2), { until: () => asked() === 2 })
      yield* Fiber.interrupt(fiber)
      yield* Effect.repeat(Effect.sleep(2), { until: () => server.open() === 0 })
      const error = yield* Effect.flip(http.get("/", { timeouts: { connection: "1 minute", response: "20 millis" } }))
      assert.deepStrictEqual(error.reason, { _tag: "Timeout", phase: "response", milliseconds: 20 })
      yield* Effect.repeat(Effect.sleep(2), { until: () => server.open() === 0 })
    })
  )

  it.live("serves what is stale while it is validated behind the caller's back, if the response allows it", () =>
    Effect.gen(function* () {
      const { asked, http, text } = yield* caching((request, response, asked) => {
        const control = asked === 1 ? "max-age=1, stale-while-revalidate=60" : "max-age=60"
        const headers = { etag: '"one"', "cache-control": control }
        if (request.headers["if-none-match"] === undefined) response.writeHead(200, headers).end(long)
        else response.writeHead(304, headers).end()
      })
      yield* text("/")
      // The freshness is in whole seconds, by the clock of the system.
      const stale = yield* Effect.repeat(
        Effect.tap(http.get("/"), () => Effect.sleep(50)),
        { until: ({ headers }) => headers["warning"] !== undefined }
      )
      yield* Effect.repeat(Effect.sleep(2), { until: () => asked() === 2 })
      assert.strictEqual((yield* stale.bytes).byteLength, long.length)
      yield* Effect.repeat(
        Effect.flatMap(http.get("/"), (response) => Effect.as(response.text, response)),
        { until: ({ headers }) => headers["cache-control"] === "max-age=60" && headers["warning"] === undefined }
      )
      assert.strictEqual(asked(), 2)
    })
  )

  it.live("keeps nothing of a download that is interrupted, discarded or broken", () =>
    Effect.gen(function* () {
      const { asked, http, text } = yield* caching((request, response, asked) => {
        response.writeHead(200, { ...fresh, "content-length": String(2 * long.length) })
        if (asked % 2 === 0) response.end(Buffer.concat([long, long]))
        else {
          response.write(long)
          if (request.url === "/broken") setImmediate(() => response.destroy())
        }
      })
      const broken = yield* Effect.flip(text("/broken"))
      assert.strictEqual(broken.reason._tag, "Protocol")
      assert.strictEqual((yield* text("/broken")).length, 2 * long.length)
      const fiber = yield* Effect.forkChild(text("/interrupted"), { startImmediately: true })
      yield* Effect.repeat(Effect.sleep(2), { until: () => asked() === 3 })
      yield* Fiber.interrupt(fiber)
      assert.strictEqual((yield* text("/interrupted")).length, 2 * long.length)
      yield* Effect.flatMap(http.get("/discarded"), ({ discard }) => discard)
      assert.strictEqual((yield* text("/discarded")).length, 2 * long.length)
      assert.strictEqual(asked(), 6)
    })
  )

  it.live("what it gives can be let go, and interrupted", () =>
    Effect.gen(function* () {
      const { asked, http, text } = yield* caching((_, response) => response.writeHead(200, fresh).end(long))
      yield* text("/")
      yield* Effect.flatMap(http.get("/"), ({ discard }) => discard)
      const some = yield* Effect.flatMap(http.get("/"), ({ stream }) => Stream.runCollect(Stream.take(stream, 1)))
      assert.strictEqual(some.length, 1)
      yield* Effect.forkChild(text("/"), { startImmediately: true }).pipe(Effect.flatMap(Fiber.interrupt))
      assert.strictEqual((yield* text("/")).length, long.length)
      assert.strictEqual(asked(), 1)
    })
  )

  it.live("a body that is longer than is kept arrives whole, and is not kept", () =>
    Effect.gen(function* () {
      const { asked, http, text } = yield* caching((_, response) => response.writeHead(200, fresh).end(long), {
        store: { maxEntrySize: 100_000 }
      })
      assert.strictEqual((yield* text("/")).length, long.length)
      const slow = Stream.tap((yield* http.get("/")).stream, () => Effect.sleep(1))
      assert.strictEqual(Buffer.compare(Buffer.concat(yield* Stream.runCollect(slow)), long), 0)
      assert.strictEqual(asked(), 2)
    })
  )

  it.live("two that miss at once are both asked, and the next one is not", () =>
    Effect.gen(function* () {
      const waiting: Array<ServerResponse> = []
      const { asked, text } = yield* caching((_, response) => {
        if (waiting.push(response) === 2) for (const each of waiting) each.writeHead(200, fresh).end("body")
      })
      const both = yield* Effect.all([text("/"), text("/")], { concurrency: 2 })
      assert.deepStrictEqual([...both, yield* text("/")], ["body", "body", "body"])
      assert.strictEqual(asked(), 2)
    })
  )

  it.live("HEAD is asked, or kept by itself if it is to be", () =>
    Effect.gen(function* () {
      const listener: Listener = (_, response) =>
        response.writeHead(200, { ...fresh, "content-length": "4" }).end("body")
      const unkept = yield* caching(listener)
      yield* unkept.text("/")
      assert.strictEqual(yield* Effect.flatMap(unkept.http.head("/"), ({ text }) => text), "")
      assert.strictEqual(unkept.asked(), 2)
      const kept = yield* caching(listener, { methods: ["GET", "HEAD"] })
      for (let times = 0; times < 2; times++) {
        const response = yield* kept.http.head("/")
        assert.deepStrictEqual([yield* response.text, response.headers["content-length"]], ["", "4"])
        assert.strictEqual(yield* kept.text("/"), "body")
      }
      assert.strictEqual(kept.asked(), 2)
    })
  )

  it.live("POST, PUT and DELETE make it forget the URL, and that of their Location", () =>
    Effect.gen(function* () {
      const { asked, http, text } = yield* caching((request, response, asked) => {
        if (request.method === "GET") response.writeHead(200, fresh).end(`body ${asked}`)
        else response.writeHead(request.url === "/fails" ? 500 : 201, { location: "/other" }).end()
      })
      yield* text("/")
      yield* text("/other")
      for (const method of ["POST", "PUT", "DELETE"]) {
        yield* Effect.flatMap(http.request(method, "/"), ({ text }) => text)
        const before = asked()
        yield* Effect.all([text("/"), text("/other"), text("/"), text("/other")])
        assert.strictEqual(asked() - before, 2, method)
      }
      yield* text("/fails")
      yield* Effect.flatMap(http.post("/fails"), ({ text }) => text)
      const before = asked()
      yield* text("/fails")
      assert.strictEqual(asked(), before)
    })
  )

  it.live("shared, it keeps nothing private, with cookies, or of who said who they are, unless it is public", () =>
    Effect.gen(function* () {
      const { asked, text } = yield* caching((request, response) => {
        const control =
          request.url === "/private"
            ? "private, max-age=60"
            : request.url === "/public"
              ? "public, max-age=60"
              : "max-age=60"
        response.writeHead(200, {
          "cache-control": control,
          ...(request.url === "/cookie" ? { "set-cookie": "a=1" } : {})
        })
        response.end(request.headers.authorization)
      })
      const auth = Auth.basic("user", "password")
      for (const [path, options, times] of [
        ["/private", {}, 2],
        ["/cookie", {}, 2],
        ["/authorized", { auth }, 2],
        ["/public", { auth }, 1]
      ] as const) {
        const before = asked()
        yield* text(path, options)
        yield* text(path, options)
        assert.strictEqual(asked() - before, times, path)
      }
    })
  )

  it.live("private, it keeps what is the user's; a cookie is set by the response that came, and not again", () =>
    Effect.gen(function* () {
      const { asked, http, text } = yield* caching(
        (request, response) => {
          const headers =
            request.url === "/login" ? { "set-cookie": "session=new; Path=/" } : { "set-cookie": "session=old; Path=/" }
          response.writeHead(200, { ...headers, "cache-control": "private, max-age=60" }).end(request.headers.cookie)
        },
        { type: "private" }
      )
      yield* text("/page")
      yield* text("/login")
      const page = yield* http.get("/page")
      assert.strictEqual(yield* page.text, "")
      assert.deepStrictEqual(page.cookies, [])
      assert.strictEqual(yield* text("/other"), "session=new")
      assert.strictEqual(asked(), 3)
    })
  )

  it.live("a request that has conditions or a range of its own goes by it", () =>
    Effect.gen(function* () {
      const { asked, http, text } = yield* caching((request, response) => {
        if (request.headers["if-none-match"] === '"mine"') response.writeHead(304).end()
        else if (request.headers.range !== undefined)
          response.writeHead(206, { "content-range": "bytes 0-1/4" }).end("bo")
        else response.writeHead(200, { ...fresh, etag: '"one"' }).end("body")
      })
      yield* text("/")
      assert.strictEqual((yield* http.get("/", { headers: { "If-None-Match": '"mine"' } })).status, 304)
      assert.strictEqual((yield* http.get("/", { headers: { Range: "bytes=0-1" } })).status, 206)
      assert.strictEqual(yield* text("/"), "body")
      assert.strictEqual(asked(), 3)
    })
  )

  it.live("only-if-cached is answered with 504 if it is not", () =>
    Effect.gen(function* () {
      const { asked, http } = yield* caching((_, response) => response.end())
      const response = yield* http.get("/", { headers: { "cache-control": "only-if-cached" } })
      assert.deepStrictEqual([response.status, yield* response.text, asked()], [504, "", 0])
    })
  )

  it.live("is of the origins that it is told", () =>
    Effect.gen(function* () {
      const { asked, text } = yield* caching((_, response) => response.writeHead(200, fresh).end(), {
        origins: ["http://other.test"]
      })
      yield* text("/")
      yield* text("/")
      assert.strictEqual(asked(), 2)
    })
  )

  it.live("a compressed body is kept as it came, and decompressed each time", () =>
    Effect.gen(function* () {
      const zipped = gzipSync("body")
      const { asked, text } = yield* caching((_, response) =>
        response.writeHead(200, { ...fresh, "content-encoding": "gzip" }).end(zipped)
      )
      assert.deepStrictEqual([yield* text("/"), yield* text("/")], ["body", "body"])
      assert.strictEqual(asked(), 1)
    })
  )
})

describe("the store of a cache", () => {
  it.live("is a file that outlives the exchange, and is closed with it", () =>
    Effect.gen(function* () {
      const file = Path.join(yield* directory, "cache.db")
      let asked = 0
      const server = yield* serve((request, response) => {
        asked++
        const headers = { etag: '"one"', "cache-control": request.url === "/stale" ? "no-cache" : "max-age=60" }
        if (request.headers["if-none-match"] === undefined) response.writeHead(200, headers).end(long)
        else response.writeHead(304, headers).end()
      })
      for (let times = 0; times < 3; times++) {
        yield* Effect.scoped(
          Effect.gen(function* () {
            const http = yield* session(server.url, { store: { file } })
            for (const path of ["/fresh", "/stale"]) {
              const bytes = yield* Effect.flatMap(http.get(path), ({ bytes }) => bytes)
              assert.strictEqual(Buffer.compare(bytes, long), 0)
            }
          })
        )
      }
      assert.strictEqual(asked, 4)
    })
  )

  it.live("that closes under a download ends nothing but the download", () =>
    Effect.gen(function* () {
      const file = Path.join(yield* directory, "cache.db")
      const server = yield* serve((_, response) => {
        response.writeHead(200, fresh)
        response.write("some")
      })
      const reading = yield* Effect.scoped(
        Effect.gen(function* () {
          const http = yield* session(server.url, { store: { file } })
          const response = yield* http.get("/")
          return yield* Effect.forkDetach(Effect.flip(response.text), { startImmediately: true })
        })
      )
      assert.include(["Closed", "Discarded"], (yield* Fiber.join(reading)).reason._tag)
    })
  )

  it.live("that cannot be opened fails typed, and leaves nothing open", () =>
    Effect.gen(function* () {
      const store = { file: "/nowhere/cache.db" }
      const { reason } = yield* Effect.flip(Effect.scoped(UndiciExchange.make({ cache: { store } })))
      assert.strictEqual(reason._tag === "InvalidOption" ? reason.option : reason._tag, "cache")
    })
  )

  it.live("of one's own that fails is as one that has nothing", () =>
    Effect.gen(function* () {
      const broken = () => {
        throw new Error("broken")
      }
      const rejected = () => Promise.reject(new Error("rejected"))
      for (const store of [
        { get: broken, createWriteStream: broken, delete: broken },
        { get: rejected, createWriteStream: broken, delete: rejected }
      ]) {
        const { asked, http, text } = yield* caching((_, response) => response.writeHead(200, fresh).end("body"), {
          store
        })
        assert.deepStrictEqual([yield* text("/"), yield* text("/")], ["body", "body"])
        yield* Effect.flatMap(http.post("/"), ({ text }) => text)
        assert.strictEqual(asked(), 3)
      }
    })
  )

  it.live("in memory has no more than it may", () =>
    Effect.gen(function* () {
      const { asked, text } = yield* caching((_, response) => response.writeHead(200, fresh).end("body"), {
        store: { maxCount: 2 }
      })
      for (const path of ["/1", "/2", "/3", "/3"]) yield* text(path)
      assert.strictEqual(asked(), 3)
      yield* text("/1")
      assert.strictEqual(asked(), 4)
    })
  )
})
