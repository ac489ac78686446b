/** Servers that break the protocol, end short, or lie: always a typed error, never a hang. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { GreenHttp, type HttpError, UndiciExchange } from "green-http"
import type * as Net from "node:net"
import { serve, serveRaw } from "./support/server.ts"

const over = Effect.provide(UndiciExchange.layer({ maxHeaderSize: 16 * 1024 }))

type Speech = (socket: Net.Socket) => void
const say =
  (...text: ReadonlyArray<string>): Speech =>
  (socket) => {
    socket.end(text.join("\r\n"))
  }

const broken: Record<string, readonly [Speech, HttpError["reason"]["_tag"]]> = {
  "is no HTTP": [say("hello", "", ""), "Protocol"],
  "has a status that is no number": [say("HTTP/1.1 abc OK", "", ""), "Protocol"],
  "has a header without a name": [say("HTTP/1.1 200 OK", ": value", "", ""), "Protocol"],
  "has two lengths": [say("HTTP/1.1 200 OK", "Content-Length: 1", "Content-Length: 2", "", "ab"), "Protocol"],
  "has a length and is chunked": [
    say("HTTP/1.1 200 OK", "Content-Length: 1", "Transfer-Encoding: chunked", "", "1", "a", "0", "", ""),
    "Protocol"
  ],
  "has a chunk whose size is no number": [
    say("HTTP/1.1 200 OK", "Transfer-Encoding: chunked", "", "zz", "a", "0", "", ""),
    "Protocol"
  ],
  "ends before the head": [say("HTTP/1.1 200 OK"), "Connect"],
  "ends without a word": [(socket) => socket.destroy(), "Connect"],
  "ends short of its length": [say("HTTP/1.1 200 OK", "Content-Length: 10", "", "short"), "Protocol"],
  "ends in the middle of a chunk": [say("HTTP/1.1 200 OK", "Transfer-Encoding: chunked", "", "a", "short"), "Protocol"],
  "has a head without end": [
    (socket) => {
      socket.write("HTTP/1.1 200 OK\r\n")
      socket.write(`x: ${"y".repeat(64 * 1024)}\r\n`)
    },
    "Protocol"
  ]
}

describe("a response that", () => {
  for (const [name, [speech, tag]] of Object.entries(broken)) {
    it.live(name, () =>
      Effect.gen(function* () {
        const server = yield* serveRaw(speech)
        const http = yield* GreenHttp.make({ baseUrl: server.url })
        const error = yield* Effect.flip(Effect.flatMap(http.get("/"), (response) => response.text))
        assert.strictEqual(error.reason._tag, tag, error.message)
        assert.include(error.message, `GET ${server.url.href}`)
      }).pipe(over)
    )
  }

  it.live("says more than its length is cut there, and the connection is not used again", () =>
    Effect.gen(function* () {
      const server = yield* serveRaw((socket) => {
        socket.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")
      })
      const http = yield* GreenHttp.make({ baseUrl: server.url })
      const get = Effect.flatMap(http.get("/"), (response) => response.text)
      assert.deepStrictEqual([yield* get, yield* get], ["ok", "ok"])
    }).pipe(over)
  )

  it.live("never comes: nobody listens, or the name has no address", () =>
    Effect.gen(function* () {
      const closed = yield* Effect.scoped(
        Effect.map(
          serve(() => {}),
          ({ url }) => url
        )
      )
      const http = yield* GreenHttp.make()
      assert.strictEqual((yield* Effect.flip(http.get(closed))).reason._tag, "Connect")
      assert.strictEqual((yield* Effect.flip(http.get("http://nowhere.invalid/"))).reason._tag, "Dns")
    }).pipe(over)
  )

  it.live("redirects to what is no URL, or to another scheme, is the response", () =>
    Effect.gen(function* () {
      const server = yield* serve((request, response) => {
        response.writeHead(302, { location: request.url === "/file" ? "file:///etc/passwd" : "http://" }).end("body")
      })
      const http = yield* GreenHttp.make({ baseUrl: server.url })
      for (const path of ["/file", "/broken"]) {
        const response = yield* http.get(path)
        assert.deepStrictEqual([response.status, yield* response.text], [302, "body"])
      }
    }).pipe(over)
  )
})

describe("a connection", () => {
  it.live("is refused to an address that the filter does not allow, by number, by name and on every hop", () =>
    Effect.gen(function* () {
      const server = yield* serve((_, response) => response.end("inside"))
      const port = server.url.port
      const outside = yield* serve((_, response) => {
        response.writeHead(302, { location: `http://internal.test:${port}/` }).end()
      })
      const guarded = UndiciExchange.layer({
        addresses: { "internal.test": "127.0.0.1", "public.test": "127.0.0.1" },
        allowAddress: (_, host) => host === "public.test"
      })
      yield* Effect.gen(function* () {
        const http = yield* GreenHttp.make()
        for (const url of [
          `http://127.0.0.1:${port}/`,
          `http://internal.test:${port}/`,
          `http://public.test:${outside.url.port}/`
        ]) {
          assert.strictEqual((yield* Effect.flip(http.get(url))).reason._tag, "Refused", url)
        }
        assert.strictEqual(yield* Effect.flatMap(http.get(`http://public.test:${port}/`), ({ text }) => text), "inside")
      }).pipe(Effect.provide(guarded))
    })
  )
})
