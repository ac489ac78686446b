/**
 * A web application in a pool of eight: `node --conditions=green-source examples/web.ts --serve`, and see it at work at
 * http://localhost:8080/. Without `--serve` it is its own visitor, tells what the page would show, and ends.
 *
 * The page and its events are not in the pool, so they are there when it is full.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Effect from "effect/Effect"
import { RunInPool } from "green-pool"
import { once } from "node:events"
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import { page } from "./web/page.ts"
import { visitors } from "./web/visitors.ts"

/** What takes its time, as a database does. */
const work: RunInPool.NodeListener = async (_, response) => {
  await new Promise((resolve) => setTimeout(resolve, 50 + Math.random() * 200))
  response.end("done\n")
}

const status = ({ counts, pool }: RunInPool.InPool) => ({
  size: pool.size,
  running: pool.running,
  queued: counts.queued,
  waited: Math.round(counts.waited / Math.max(1, counts.answered)),
  answered: counts.answered,
  refused: counts.refused,
  dropped: counts.dropped
})

/** Tells the status, ten times a second, until the page is closed. */
const live = (app: RunInPool.InPool, response: ServerResponse): void => {
  response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" })
  const tell = () => response.write(`data: ${JSON.stringify(status(app))}\n\n`)
  tell()
  const timer = setInterval(tell, 100)
  response.once("close", () => clearInterval(timer))
}

const listen = (listener: (request: IncomingMessage, response: ServerResponse) => void, port: number) =>
  Effect.gen(function* () {
    const server = yield* Effect.acquireRelease(
      Effect.sync(() => createServer(listener).listen(port, "127.0.0.1")),
      (server) =>
        Effect.sync(() => {
          server.close()
          server.closeAllConnections()
        })
    )
    yield* Effect.promise(() => once(server, "listening"))
    const address = server.address()
    return `http://localhost:${typeof address === "object" && address !== null ? address.port : port}`
  })

const program = Effect.gen(function* () {
  const serves = process.argv.includes("--serve")
  const app = yield* RunInPool.node(work, { maxWorkers: 8, capacity: 60, deadline: "5 seconds" })
  const url = yield* listen(
    (request, response) => {
      if (request.url === "/") response.writeHead(200, { "content-type": "text/html; charset=utf-8" }).end(page)
      else if (request.url === "/live") live(app, response)
      else app(request, response)
    },
    serves ? 8080 : 0
  )

  yield* Effect.forkScoped(visitors(url.replace("localhost", "127.0.0.1"), 90))
  if (serves) {
    console.log(`the pool at work: ${url}/`)
    return yield* Effect.never
  }
  for (let second = 1; second <= 3; second++) {
    yield* Effect.sleep("1 second")
    const { queued, running, size, waited } = status(app)
    console.log(`${second} s: size ${size}, running ${running}, queued ${queued}, waited ${waited} ms`)
  }
})

NodeRuntime.runMain(Effect.scoped(program))
