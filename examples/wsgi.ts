/**
 * What WSGI is to Python: a synchronous application, `(request) => response`, behind an asynchronous server.
 *
 * `RunInPool` gives each request a worker of a pool, or a place in the queue, and the worker is a thread in which the
 * application (`wsgi/application.ts`) blocks as it likes. A client that leaves interrupts it.
 */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as HttpServer from "effect/http/HttpServer"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import { green, GreenWorkers } from "green-blocking"
import { GreenHttp, UndiciExchange } from "green-http"
import { RunInPool } from "green-pool"
import { createServer } from "node:http"
import { Host } from "./wsgi/operations.ts"

const size = 3

const application = green(
  () => import("./wsgi/application.ts"),
  new URL("./wsgi/application.ts", import.meta.url),
  "application"
)

/** The application as one of effect/http. */
const app = Effect.gen(function* () {
  const request = yield* HttpServerRequest.HttpServerRequest
  const { body, status } = yield* application({
    method: request.method,
    path: request.url,
    body: request.method === "GET" ? "" : yield* request.text
  })
  return HttpServerResponse.text(body, { status })
})

const counts = { visits: new Map<string, number>(), running: 0, most: 0 }
const asked = Deferred.makeUnsafe<void>()
const left = Deferred.makeUnsafe<void>()

const Handlers = Host.toLayer({
  Visit: ({ page }) =>
    Effect.acquireUseRelease(
      Effect.sync(() => (counts.most = Math.max(counts.most, ++counts.running))),
      () => Effect.sleep("10 millis"),
      () => Effect.sync(() => counts.running--)
    ).pipe(
      Effect.map(() => {
        const visits = (counts.visits.get(page) ?? 0) + 1
        counts.visits.set(page, visits)
        return visits
      })
    ),
  News: () =>
    Deferred.succeed(asked, undefined).pipe(
      Effect.andThen(Effect.never),
      Effect.onInterrupt(() => Deferred.succeed(left, undefined))
    )
})

const program = Effect.gen(function* () {
  const inPool = yield* RunInPool.effect(app, { maxWorkers: size, waitForBody: true })
  yield* HttpServer.serveEffect(inPool)
  const { address } = yield* HttpServer.HttpServer
  const http = yield* GreenHttp.make({ baseUrl: HttpServer.formatAddress(address) })

  const responses = yield* Effect.forEach(Array(12), () => http.get("/"), { concurrency: "unbounded" })
  console.log("answered:", responses.filter(({ status }) => status === 200).length)
  console.log("visits:", counts.visits.get("/"))
  console.log(`never more than ${size} at a time:`, counts.most <= size)

  const shouted = yield* http.post("/", { body: "hello\nworld" })
  console.log(yield* shouted.text)
  console.log("not found:", (yield* http.get("/nowhere")).status)

  const reading = yield* Effect.forkChild(http.get("/news"))
  yield* Deferred.await(asked)
  yield* Fiber.interrupt(reading)
  yield* Deferred.await(left)
  console.log("a client that leaves interrupts what its request waits for")
})

const Workers = GreenWorkers.layer(Host, { size }).pipe(Layer.provide(Handlers))
const Server = NodeHttpServer.layer(createServer, { port: 0, host: "127.0.0.1" })

await Effect.runPromise(
  program.pipe(Effect.scoped, Effect.provide(Layer.mergeAll(Workers, Server, UndiciExchange.layer())))
)
