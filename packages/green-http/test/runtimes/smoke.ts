/** What green-http does, each thing once: `npm run test:runtimes` tries it on every runtime. */
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { GreenHttp, type HttpError, type HttpExchange, MemoryExchange, UndiciExchange } from "green-http"
import { deepStrictEqual, fail, strictEqual } from "node:assert"
import { once } from "node:events"
import { createServer, type RequestListener } from "node:http"
import * as Https from "node:https"
import type { Server } from "node:net"
import { gzipSync } from "node:zlib"
import { certificate, key } from "../support/certificate.ts"
import { accept, echo } from "../support/sockets.ts"

const large = Buffer.alloc(1_000_000, "green ")

const listener: RequestListener = (request, response) => {
  if (request.url === "/old") response.writeHead(302, { location: "/new", "set-cookie": "seen=1" }).end()
  else if (request.url === "/large") response.writeHead(200, { "content-encoding": "gzip" }).end(gzipSync(large))
  else if (request.method === "POST") request.pipe(response)
  else response.end(JSON.stringify({ cookie: request.headers.cookie }))
}

/** A local server, for as long as the promise. */
const served = async (server: Server, scheme: string, ask: (url: string) => Promise<void>): Promise<void> => {
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  const address = server.address()
  try {
    await ask(`${scheme}://127.0.0.1:${typeof address === "object" ? address?.port : undefined}`)
  } finally {
    server.close()
  }
}

const asked =
  (
    layer: Layer.Layer<HttpExchange, HttpError>,
    program: (http: GreenHttp.GreenHttp) => Effect.Effect<void, HttpError>
  ) =>
  (url: string) =>
    Effect.runPromise(
      GreenHttp.make({ baseUrl: url, timeouts: { total: "5 seconds" } }).pipe(
        Effect.flatMap(program),
        Effect.scoped,
        Effect.provide(layer)
      )
    )

const overTheNetwork = (program: (http: GreenHttp.GreenHttp) => Effect.Effect<void, HttpError>) => () =>
  served(accept(createServer(listener), echo), "http", asked(UndiciExchange.layer(), program))

const redirected = Effect.fnUntraced(function* (http: GreenHttp.GreenHttp) {
  const response = yield* http.get("/old")
  strictEqual(response.history.length, 1)
  deepStrictEqual(yield* response.json, { cookie: "seen=1" })
})

const posted = Effect.fnUntraced(function* (http: GreenHttp.GreenHttp) {
  const body = Stream.fromIterable(Array.from({ length: 10 }, () => new Uint8Array(100_000)))
  const response = yield* http.post("/", { body })
  strictEqual((yield* response.bytes).length, 1_000_000)
})

const inflated = Effect.fnUntraced(function* (http: GreenHttp.GreenHttp) {
  const response = yield* http.get("/large")
  strictEqual(Buffer.compare(yield* response.bytes, large), 0)
})

/** Whoever asks for it is never answered; the promise is of the moment in which he has gone. */
const never = () => {
  let gone = (): void => {}
  const left = new Promise<void>((resolve) => (gone = resolve))
  return { left, server: createServer((request) => request.socket.on("close", gone)) }
}

const interrupted = async (): Promise<void> => {
  const { left, server } = never()
  const late = Effect.fnUntraced(function* (http: GreenHttp.GreenHttp) {
    strictEqual((yield* Effect.timeoutOption(http.get("/"), "50 millis"))._tag, "None")
    yield* Effect.promise(() => left)
  })
  await served(server, "http", asked(UndiciExchange.layer(), late))
}

const failed = (http: GreenHttp.GreenHttp) =>
  Effect.match(http.get("/"), {
    onSuccess: ({ status }) => fail(`somebody answers, ${status}`),
    onFailure: ({ reason }) => strictEqual(reason._tag, "Connect")
  })

const spoken = Effect.fnUntraced(function* (http: GreenHttp.GreenHttp) {
  const socket = yield* http.webSocket("/chat")
  yield* socket.send("hello")
  strictEqual(yield* socket.receive, "hello")
}, Effect.scoped)

export const smoke = {
  "a session over the network: redirect, cookie, JSON": overTheNetwork(redirected),
  "a body streamed up and down": overTheNetwork(posted),
  "a body in gzip": overTheNetwork(inflated),
  TLS: () =>
    served(
      Https.createServer({ cert: certificate, key }, listener),
      "https",
      asked(UndiciExchange.layer({ tls: { ca: certificate } }), redirected)
    ),
  "a request that is interrupted": interrupted,
  "a typed failure: nobody listens": () => asked(UndiciExchange.layer(), failed)("http://127.0.0.1:1"),
  "a WebSocket": overTheNetwork(spoken),
  "`MemoryExchange.layer`": () =>
    asked(
      MemoryExchange.layer(() => new Response(`{"cookie":"seen=1"}`)),
      (http) =>
        Effect.map(
          Effect.flatMap(http.get("/"), ({ json }) => json),
          (json) => deepStrictEqual(json, { cookie: "seen=1" })
        )
    )("http://library.test"),
  "`MemoryExchange.layerNode`": () => asked(MemoryExchange.layerNode(listener), redirected)("http://library.test")
}
