/** The laws of what comes back. */
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type { ExchangeResponse } from "green-http"
import { getAll } from "green-http/HttpHeaders"
import { gunzipSync, gzipSync } from "node:zlib"
import { bytes, law, type Law, read, rest } from "../exchangeLaws.ts"

/** A body of which the server gives one piece after the other. */
const pieces = (list: Iterable<Uint8Array>): ReadableStream<Uint8Array> => {
  const iterator = list[Symbol.iterator]()
  return new ReadableStream({
    pull: (controller) => {
      const { done, value } = iterator.next()
      if (done === true) controller.close()
      else controller.enqueue(value)
    }
  })
}

/** One piece at once, the other when it is told. */
const gated = () => {
  const gate = Promise.withResolvers<void>()
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(bytes(10)),
    pull: async (controller) => {
      await gate.promise
      controller.enqueue(bytes(20))
      controller.close()
    }
  })
  return { body, open: gate.resolve }
}

const ended = ({ body }: ExchangeResponse) =>
  Effect.gen(function* () {
    for (let n = 0; n < 3; n++) assert.isUndefined(yield* body.pull)
  })

export const responses: ReadonlyArray<Law> = [
  law("the status is that of the server, and so are the fields", [], (open) =>
    Effect.gen(function* () {
      const peer = yield* open.fetch(({ url }) => {
        const status = Number(new URL(url).pathname.slice(1))
        return new Response("body", { status, headers: { "X-Field": `of ${status}`, "x-other": "a, b" } })
      })
      for (const status of [200, 201, 206, 299, 400, 404, 418, 500, 503, 599]) {
        const response = yield* peer.ask(`/${status}`)
        assert.strictEqual(response.status, status)
        assert.deepStrictEqual(getAll(response.headers, "x-field"), [`of ${status}`])
        assert.deepStrictEqual(getAll(response.headers, "x-other"), ["a, b"])
        assert.strictEqual(String(yield* read(response)), "body")
      }
    })
  ),

  law("the status text is that of the server", ["reason"], (open) =>
    Effect.gen(function* () {
      const peer = yield* open.fetch(() => new Response("", { status: 404, statusText: "Not Here" }))
      const response = yield* peer.ask("/")
      assert.strictEqual(response.statusText, "Not Here")
      yield* response.body.discard
    })
  ),

  law("values of fields are bytes, as text in Latin-1", ["latin1"], (open) =>
    Effect.gen(function* () {
      const peer = yield* open.fetch(
        ({ headers }) => new Response(null, { headers: { "x-back": headers.get("x-there") ?? "" } })
      )
      const response = yield* peer.ask("/", { headers: ["x-there", "caf\u00e9 \u00a7 \u00ff"] })
      assert.deepStrictEqual(getAll(response.headers, "x-back"), ["caf\u00e9 \u00a7 \u00ff"])
      yield* response.body.discard
    })
  ),

  law("fields of one name stay apart, and in order", ["node", "order"], (open) =>
    Effect.gen(function* () {
      const peer = yield* open.node((_, response) => {
        response.writeHead(200, ["X-A", "1", "x-b", "2", "x-a", "3", "X-B", "4, 5"]).end()
      })
      const response = yield* peer.ask("/")
      const wanted = response.headers.filter((_, index) => /^x-/i.test(response.headers[index - (index % 2)] ?? ""))
      assert.deepStrictEqual(wanted, ["X-A", "1", "x-b", "2", "x-a", "3", "X-B", "4, 5"])
      yield* response.body.discard
    })
  ),

  law("several Set-Cookie stay apart", [], (open) =>
    Effect.gen(function* () {
      const cookies = ["a=1; Path=/", "b=2; Path=/; Secure", "c=3; Path=/"]
      const peer = yield* open.fetch(
        () => new Response(null, { headers: cookies.map((cookie) => ["set-cookie", cookie]) })
      )
      const response = yield* peer.ask("/")
      assert.deepStrictEqual(getAll(response.headers, "set-cookie"), cookies)
      yield* response.body.discard
    })
  ),

  law("redirects, challenges and compressed bodies are just responses", [], (open) =>
    Effect.gen(function* () {
      let asked = 0
      const peer = yield* open.fetch(({ url }) => {
        asked++
        const path = new URL(url).pathname
        if (path === "/gzip")
          return new Response(new Uint8Array(gzipSync("text")), { headers: { "content-encoding": "gzip" } })
        const status = Number(path.slice(1))
        return new Response("as it is", {
          status,
          headers: { location: "/200", "www-authenticate": 'Basic realm="r"' }
        })
      })
      for (const status of [301, 302, 303, 307, 308, 401]) {
        const response = yield* peer.ask(`/${status}`)
        assert.strictEqual(response.status, status)
        assert.deepStrictEqual(getAll(response.headers, "location"), ["/200"])
        assert.strictEqual(String(yield* read(response)), "as it is")
      }
      const compressed = yield* peer.ask("/gzip", { headers: ["accept-encoding", "gzip"] })
      assert.deepStrictEqual(getAll(compressed.headers, "content-encoding"), ["gzip"])
      assert.strictEqual(String(gunzipSync(yield* read(compressed))), "text")
      assert.isAtMost(asked, 7)
    })
  ),

  law("bodies come down as they are: empty, large, in many pieces", [], (open) =>
    Effect.gen(function* () {
      const whole = bytes(1_000_000)
      const many = Array.from({ length: 500 }, (_, n) => bytes(n))
      const peer = yield* open.fetch(({ url }) => {
        const { pathname } = new URL(url)
        return new Response(pathname === "/many" ? pieces(many) : whole.slice(0, Number(pathname.slice(1))))
      })
      for (const size of [0, 1, 65_536, 1_000_000])
        assert.isTrue((yield* Effect.flatMap(peer.ask(`/${size}`), read)).equals(whole.subarray(0, size)))
      assert.isTrue((yield* Effect.flatMap(peer.ask("/many"), read)).equals(Buffer.concat(many)))
    })
  ),

  law("HEAD, 204 and 304 have no body", [], (open) =>
    Effect.gen(function* () {
      const peer = yield* open.fetch(({ url }) => {
        const status = Number(new URL(url).pathname.slice(1))
        return new Response(status === 200 ? "there would be one" : null, { status, headers: { etag: '"1"' } })
      })
      for (const [method, status] of [
        ["HEAD", 200],
        ["GET", 204],
        ["GET", 304]
      ] as const) {
        const response = yield* peer.ask(`/${status}`, { method })
        assert.strictEqual(response.status, status)
        assert.deepStrictEqual(getAll(response.headers, "etag"), ['"1"'])
        yield* ended(response)
      }
    })
  ),

  law("the head is there before the body has ended", ["server"], (open) =>
    Effect.gen(function* () {
      const { body, open: openGate } = gated()
      const peer = yield* open.fetch(() => new Response(body))
      const response = yield* peer.ask("/")
      assert.strictEqual(response.status, 200)
      openGate()
      assert.isTrue((yield* read(response)).equals(Buffer.concat([bytes(10), bytes(20)])))
    })
  ),

  law("informational responses are not the response", ["node"], (open) =>
    Effect.gen(function* () {
      const peer = yield* open.node((_, response) => {
        response.writeEarlyHints({ link: "</style.css>; rel=preload" })
        response.writeHead(200).end("final")
      })
      assert.strictEqual(yield* peer.text("/"), "final")
    })
  ),

  law("trailers are there after the end, and not before", ["node", "trailers"], (open) =>
    Effect.gen(function* () {
      const gate = Promise.withResolvers<void>()
      const peer = yield* open.node(async (_, response) => {
        response.writeHead(200, { trailer: "x-sum" })
        response.write("body")
        await gate.promise
        response.addTrailers({ "x-sum": "4" })
        response.end()
      })
      const response = yield* peer.ask("/")
      assert.deepStrictEqual(response.body.trailers(), [])
      gate.resolve()
      assert.strictEqual(String(yield* read(response)), "body")
      assert.deepStrictEqual(getAll(response.body.trailers(), "x-sum"), ["4"])
    })
  ),

  law("pulled after the end, a body gives the end again", [], (open) =>
    Effect.gen(function* () {
      const peer = yield* open.fetch(() => new Response("body"))
      const response = yield* peer.ask("/")
      yield* read(response)
      yield* ended(response)
    })
  ),

  law("a pull that is interrupted loses nothing", ["server"], (open) =>
    Effect.gen(function* () {
      const { body, open: openGate } = gated()
      const peer = yield* open.fetch(() => new Response(body))
      const response = yield* peer.ask("/")
      assert.strictEqual((yield* response.body.pull)?.[0].byteLength, 10)
      const waiting = yield* Effect.forkChild(response.body.pull, { startImmediately: true })
      yield* Fiber.interrupt(waiting)
      openGate()
      assert.isTrue((yield* read(response)).equals(bytes(20)))
    })
  ),

  law("a body is taken from the server only as fast as it is pulled", ["server"], (open) =>
    Effect.gen(function* () {
      let given = 0
      const body = new ReadableStream<Uint8Array>({
        pull: (controller) => {
          given++
          controller.enqueue(bytes(65_536))
        }
      })
      const peer = yield* open.fetch(() => new Response(body))
      const response = yield* peer.ask("/")
      assert.isBelow(yield* rest(() => given), 1000)
      yield* response.body.discard
    })
  )
]
