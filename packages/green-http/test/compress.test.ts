/** Bodies that are compressed as they are sent. */
import { assert, describe, it, vi } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { Auth, GreenHttp, UndiciExchange } from "green-http"
import { createHash } from "node:crypto"
import type { IncomingHttpHeaders } from "node:http"
import * as Zlib from "node:zlib"
import { serve } from "./support/server.ts"

const over = Effect.provide(UndiciExchange.layer())

const undo = {
  gzip: Zlib.gunzipSync,
  deflate: Zlib.inflateSync,
  br: Zlib.brotliDecompressSync,
  zstd: Zlib.zstdDecompressSync
} as const
const codings = ["gzip", "deflate", "br", "zstd"] as const

interface Sent {
  readonly url: string | undefined
  readonly headers: IncomingHttpHeaders
  readonly bytes: Buffer
}

const recording = Effect.gen(function* () {
  const sent: Array<Sent> = []
  const server = yield* serve(async (request, response) => {
    const chunks: Array<Uint8Array> = []
    for await (const chunk of request) chunks.push(chunk)
    sent.push({ url: request.url, headers: request.headers, bytes: Buffer.concat(chunks) })
    if (request.url === "/moved") response.writeHead(307, { location: "/there" }).end()
    else response.end()
  })
  return { server, sent, last: () => sent.at(-1) ?? assert.fail("nothing was sent") }
})

describe("what is compressed", () => {
  const text = "hello ".repeat(50_000)

  it.live("says so, and is what it was: bytes with their length, a stream in chunks", () =>
    Effect.gen(function* () {
      const { last, server } = yield* recording
      const http = yield* GreenHttp.make({ baseUrl: server.url })
      for (const compress of codings) {
        yield* http.post("/", { body: text, compress })
        const whole = last()
        assert.strictEqual(whole.headers["content-encoding"], compress)
        assert.strictEqual(whole.headers["content-length"], String(whole.bytes.byteLength))
        assert.strictEqual(whole.headers["content-type"], "text/plain;charset=UTF-8")
        assert.isBelow(whole.bytes.byteLength, text.length / 10)
        assert.strictEqual(undo[compress](whole.bytes).toString(), text)
        const body = Stream.encodeText(Stream.make(text, text))
        yield* http.post("/", { body, length: text.length * 2, compress })
        const streamed = last()
        assert.strictEqual(streamed.headers["content-encoding"], compress)
        assert.isUndefined(streamed.headers["content-length"])
        assert.strictEqual(undo[compress](streamed.bytes).toString(), text + text)
        yield* http.post("/", { body: Stream.empty, compress })
        assert.strictEqual(undo[compress](last().bytes).toString(), "")
      }
    }).pipe(over)
  )

  it.live("is what the session says unless the request says otherwise, or has a Content-Encoding of its own", () =>
    Effect.gen(function* () {
      const { last, server } = yield* recording
      const http = yield* GreenHttp.make({ baseUrl: server.url, compress: "gzip" })
      yield* http.post("/", { json: { a: 1 } })
      assert.strictEqual(Zlib.gunzipSync(last().bytes).toString(), '{"a":1}')
      yield* http.post("/", { json: { a: 1 }, compress: false })
      assert.strictEqual(last().bytes.toString(), '{"a":1}')
      yield* http.post("/", { body: Zlib.brotliCompressSync("own"), headers: { "Content-Encoding": "br" } })
      assert.strictEqual(last().headers["content-encoding"], "br")
      assert.strictEqual(Zlib.brotliDecompressSync(last().bytes).toString(), "own")
      for (const options of [{}, { body: "" }]) {
        yield* http.post("/", options)
        assert.isUndefined(last().headers["content-encoding"])
      }
      yield* http.post("/", { multipart: [{ name: "a", content: new Blob([text]) }] })
      const form = new Response(Zlib.gunzipSync(last().bytes), {
        headers: { "content-type": last().headers["content-type"] ?? "" }
      })
      assert.strictEqual((yield* Effect.promise(() => form.formData())).getAll("a").length, 1)
    }).pipe(over)
  )

  it.live("is sent again by a redirect, and hashed as it is sent by digest authentication", () =>
    Effect.gen(function* () {
      const { sent, server } = yield* recording
      const http = yield* GreenHttp.make({ baseUrl: server.url })
      yield* http.post("/moved", { body: text, compress: "zstd" })
      assert.deepStrictEqual(
        sent.map(({ bytes, url }) => [url, Zlib.zstdDecompressSync(bytes).toString() === text]),
        [
          ["/moved", true],
          ["/there", true]
        ]
      )
      const hash = (of: string | Uint8Array) => createHash("sha256").update(of).digest("hex")
      const guarded = yield* serve(async (request, response) => {
        const chunks: Array<Uint8Array> = []
        for await (const chunk of request) chunks.push(chunk)
        const { authorization = "" } = request.headers
        const of = (name: string) => new RegExp(`\\b${name}="?([^",]*)`).exec(authorization)?.[1] ?? ""
        const own = hash(`user:realm:pass`)
        const asked = hash(`POST:/:${hash(Buffer.concat(chunks))}`)
        const expected = hash(`${own}:nonce:${of("nc")}:${of("cnonce")}:auth-int:${asked}`)
        if (authorization !== "" && of("response") === expected) response.end("in")
        else {
          const challenge = `Digest realm="realm", nonce="nonce", qop="auth-int", algorithm=SHA-256`
          response.writeHead(401, { "www-authenticate": challenge }).end()
        }
      })
      const auth = yield* Auth.digest("user", "pass")
      const digesting = yield* GreenHttp.make({ baseUrl: guarded.url, auth })
      assert.strictEqual((yield* digesting.post("/", { body: text, compress: "gzip" })).status, 200)
      // Files may be sent again, but are not at hand to be hashed: it is the challenge that is the outcome.
      assert.strictEqual((yield* digesting.post("/", { body: new Blob([text]), compress: "gzip" })).status, 401)
    }).pipe(over)
  )

  it.live("is pulled as fast as it is taken, and an interruption lets go of the stream and of zlib", () =>
    Effect.gen(function* () {
      const destroyed = vi.spyOn(Zlib.Gzip.prototype, "destroy")
      const begun = yield* Deferred.make<void>()
      const released = yield* Deferred.make<void>()
      const server = yield* serve((request) => {
        request.pause()
        Deferred.doneUnsafe(begun, Effect.void)
      })
      const http = yield* GreenHttp.make({ baseUrl: server.url })
      let pulled = 0
      const noise = Stream.fromIterable(
        (function* () {
          const random = new Uint8Array(65_536)
          for (;;) {
            pulled += random.byteLength
            yield crypto.getRandomValues(random).slice()
          }
        })(),
        { chunkSize: 1 }
      ).pipe(Stream.ensuring(Deferred.succeed(released, undefined)))
      const fiber = yield* Effect.forkChild(http.post("/", { body: noise, compress: "gzip" }))
      yield* Deferred.await(begun)
      // What the kernel and the streams between keep is some megabytes; then nothing more is pulled.
      let before = -1
      yield* Effect.repeat(Effect.sleep(100), {
        until: () => {
          const isStill = before === pulled
          before = pulled
          return isStill
        }
      })
      assert.isBelow(pulled, 64 * 2 ** 20)
      assert.strictEqual(destroyed.mock.calls.length, 0)
      yield* Fiber.interrupt(fiber)
      yield* Deferred.await(released)
      yield* Effect.repeat(Effect.sleep(5), { until: () => destroyed.mock.calls.length > 0 })
      destroyed.mockRestore()
    }).pipe(over)
  )
})
