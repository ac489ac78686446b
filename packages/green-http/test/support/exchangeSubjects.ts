/** The handlers of which the laws are asked, each with a server of its kind. */
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as HttpEffect from "effect/http/HttpEffect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import {
  CassetteExchange,
  type Exchange,
  type HttpError,
  HttpExchange,
  MemoryExchange,
  UndiciExchange
} from "green-http"
import * as EffectHttp from "green-http/EffectHttp"
import type { FetchHandler } from "green-http/MemoryExchange"
import { mkdtempSync, rmSync } from "node:fs"
import { createServer, type RequestListener } from "node:http"
import { createSecureServer } from "node:http2"
import { tmpdir } from "node:os"
import * as Path from "node:path"
import { certificate, key } from "./certificate.ts"
import { type Capability, type Open, Peer, type Subject } from "./exchangeLaws.ts"
import { listening, serve } from "./server.ts"
import { toNode } from "./toNode.ts"

type Handler = Layer.Layer<HttpExchange, HttpError>

const exchangeOf = (handler: Handler): Effect.Effect<Exchange, never, Scope.Scope> =>
  Effect.orDie(Effect.map(Layer.build(Layer.fresh(handler)), (context) => Context.get(context, HttpExchange).exchange))

/** A handler that goes to a server over the network. */
const remote = (handler: Handler): Open => {
  const node = (listener: RequestListener) =>
    Effect.gen(function* () {
      const { url } = yield* serve(listener)
      return new Peer(yield* exchangeOf(handler), url)
    })
  return { node, fetch: (app) => node(toNode(app)) }
}

const noNode = () => Effect.die("there is no listener of node:http in this subject")

const subject = (name: string, capabilities: ReadonlyArray<Capability>, open: Open): Subject => ({
  name,
  capabilities,
  over: (check) => check(open)
})

/** Its own answers effect/http lets go of by itself; those of a Fetch handler that come too late it does not. */
const answer = async (app: FetchHandler, request: Request): Promise<Response> => {
  const response = await app(request)
  if (request.signal.aborted) await response.body?.cancel()
  return response
}

const inMemory = new URL("http://app.test/")

/** Everything that HTTP/1.1 by node:http has. */
const all: ReadonlyArray<Capability> = [
  "server",
  "node",
  "breaks",
  "any method",
  "any name",
  "reason",
  "latin1",
  "order",
  "trailers"
]

const http2: Open = {
  node: noNode,
  fetch: (app) =>
    Effect.gen(function* () {
      const { url } = yield* listening(
        createSecureServer({ cert: certificate, key, allowHTTP1: true, noDelay: true }, toNode(app)),
        "https"
      )
      const layer = UndiciExchange.layer({ http2: true, connections: 1, tls: { ca: certificate } })
      return new Peer(yield* exchangeOf(layer), url)
    })
}

const cassette: Subject = {
  name: "a cassette, recorded and played",
  capabilities: ["any method", "any name", "reason", "latin1"],
  over: (check) =>
    Effect.gen(function* () {
      const directory = yield* Effect.acquireRelease(
        Effect.sync(() => mkdtempSync(Path.join(tmpdir(), "green-"))),
        (path) => Effect.sync(() => rmSync(path, { recursive: true }))
      )
      const path = Path.join(directory, "cassette.json")
      const options = { redactHeaders: [] }
      const recorder = Layer.provide(CassetteExchange.record(path, options), UndiciExchange.layer())
      let recorded = inMemory
      const record: Open = {
        node: noNode,
        fetch: (app) => Effect.tap(remote(recorder).fetch(app), ({ url }) => Effect.sync(() => (recorded = url)))
      }
      yield* Effect.scoped(check(record))
      const player = CassetteExchange.play(path, options)
      const played = Effect.map(exchangeOf(player), (exchange) => new Peer(exchange, recorded))
      yield* check({ node: noNode, fetch: () => played })
    })
}

export const subjects: ReadonlyArray<Subject> = [
  subject("undici over HTTP/1.1", all, remote(UndiciExchange.layer())),
  subject("undici over HTTP/2, and HTTP/1.1 for bodies", ["server", "breaks", "any method", "any name"], http2),
  subject("a Fetch handler in memory", ["server", "breaks", "any method", "any name", "reason", "latin1"], {
    node: noNode,
    fetch: (app) => Effect.map(exchangeOf(MemoryExchange.layer(app)), (exchange) => new Peer(exchange, inMemory))
  }),
  subject("a listener of node:http in memory", all, {
    fetch: (app) =>
      Effect.map(exchangeOf(MemoryExchange.layerNode(toNode(app))), (exchange) => new Peer(exchange, inMemory)),
    node: (listener) =>
      Effect.map(exchangeOf(MemoryExchange.layerNode(listener)), (exchange) => new Peer(exchange, inMemory))
  }),
  subject("a server of node:http in memory, by https", all, {
    fetch: (app) =>
      Effect.map(
        exchangeOf(MemoryExchange.layerNode(createServer(toNode(app)))),
        (exchange) => new Peer(exchange, new URL("https://app.test/"))
      ),
    node: (listener) =>
      Effect.map(
        exchangeOf(MemoryExchange.layerNode(createServer(listener))),
        (exchange) => new Peer(exchange, new URL("https://app.test/"))
      )
  }),
  subject("an application of effect/http in memory", ["server", "any method", "reason", "latin1"], {
    node: noNode,
    fetch: (app) =>
      Effect.map(
        exchangeOf(EffectHttp.layerFromApp(HttpEffect.fromWebHandler((request) => answer(app, request)))),
        (exchange) => new Peer(exchange, inMemory)
      )
  }),
  subject(
    "a client of effect/http, undici's",
    ["server", "node", "breaks", "any name", "latin1"],
    remote(Layer.provide(EffectHttp.layerFromClient, NodeHttpClient.layerUndici))
  ),
  subject(
    "a client of effect/http, over a session of ours",
    ["server", "node", "breaks", "any name", "reason", "latin1"],
    remote(
      Layer.provide(
        EffectHttp.layerFromClient,
        Layer.provide(
          Layer.orDie(EffectHttp.layerClient({ cookies: false, redirects: 0, decompress: false })),
          UndiciExchange.layer()
        )
      )
    )
  ),
  cassette,
  subject(
    "an interposed handler that changes nothing",
    all,
    remote(
      Layer.provide(
        HttpExchange.around((_, next) => next()),
        UndiciExchange.layer()
      )
    )
  )
]
