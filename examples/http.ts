/**
 * One program, and where its requests go is a layer: over the network, to the same application in memory, and to nobody,
 * from a cassette.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import {
  Auth,
  CassetteExchange,
  GreenHttp,
  type HttpError,
  type HttpExchange,
  MemoryExchange,
  UndiciExchange
} from "green-http"
import { once } from "node:events"
import { mkdtemp, rm } from "node:fs/promises"
import { createServer, type RequestListener } from "node:http"
import { tmpdir } from "node:os"
import { join } from "node:path"

/** Lets in who knows the password, remembers them by a cookie, and has two pages. */
const library: RequestListener = ({ headers, url }, response) => {
  if (url === "/login") {
    if (headers.authorization === undefined) return response.writeHead(401).end()
    return response.writeHead(303, { location: "/books", "set-cookie": "reader=ada" }).end()
  }
  if (headers.cookie !== "reader=ada") return response.writeHead(403).end()
  const isFirst = url === "/books"
  if (isFirst) response.setHeader("link", '</books?page=2>; rel="next"')
  response.setHeader("content-type", "application/json")
  return response.end(JSON.stringify(isFirst ? ["Emma", "Persuasion"] : ["Middlemarch"]))
}

/** Straight-line: logs in, follows the redirect, and the pages as they lead to each other. */
const books = Effect.fnUntraced(function* (baseUrl: string) {
  const http = yield* GreenHttp.make({ baseUrl })
  let response = yield* http.post("/login", { auth: Auth.basic("ada", "secret") })
  const found: Array<unknown> = []
  for (;;) {
    found.push(yield* (yield* response.raiseForStatus).json)
    const next = response.links.find(({ parameters }) => parameters.get("rel") === "next")
    if (next === undefined) return found.flat().join(", ")
    response = yield* http.get(next.url)
  }
}, Effect.scoped)

const server = Effect.acquireRelease(
  Effect.promise(async () => {
    const server = createServer(library).listen(0, "127.0.0.1")
    await once(server, "listening")
    return server
  }),
  (server) => Effect.sync(() => server.close().closeAllConnections())
)

const directory = Effect.acquireRelease(
  Effect.promise(() => mkdtemp(join(tmpdir(), "green-"))),
  (path) => Effect.promise(() => rm(path, { recursive: true }))
)

const program = Effect.gen(function* () {
  const address = (yield* server).address()
  const real = `http://127.0.0.1:${typeof address === "object" ? address?.port : undefined}`
  const cassette = join(yield* directory, "books.json")

  const network = UndiciExchange.layer()
  const memory = MemoryExchange.layerNode(library)
  const recording = Layer.provide(CassetteExchange.record(cassette), network)
  const playing = CassetteExchange.play(cassette)

  const tell = (where: string, baseUrl: string, layer: Layer.Layer<HttpExchange, HttpError>) =>
    Effect.flatMap(Effect.provide(books(baseUrl), layer), (text) => Effect.sync(() => console.log(`${where} ${text}`)))

  yield* tell("over the network:", real, network)
  yield* tell("in memory:       ", "https://library.test", memory)
  yield* tell("being recorded:  ", real, recording)
  yield* tell("from a cassette: ", real, playing)
})

await Effect.runPromise(Effect.scoped(program))
