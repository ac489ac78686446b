import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { RunInPool } from "green-pool"
import type { IncomingMessage, ServerResponse } from "node:http"
import { ask, client, serveFor, serveInPool, Turnstile, until } from "./support.ts"

const echo = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
  let text = ""
  for await (const chunk of request.setEncoding("latin1")) text += chunk
  response.setHeader("content-length", text.length)
  response.end(text)
}

const served = Effect.fnUntraced(function* (
  waitForBody: RunInPool.CommonOptions["waitForBody"],
  listener: RunInPool.NodeListener = echo
) {
  const app = yield* RunInPool.node(listener, {
    maxWorkers: 1,
    ...(waitForBody === undefined ? {} : { waitForBody })
  })
  return { app, port: yield* serveInPool(app) }
})

describe("a body", () => {
  it.live("is streamed, unless it is to be waited for", () =>
    Effect.gen(function* () {
      const { app, port } = yield* served(undefined)
      const one = yield* client(port)
      one.request("POST /", { "Content-Length": 8 }, "half")
      yield* until("it has a worker", () => app.pool.running === 1)
      one.send("half")
      assert.strictEqual((yield* one.answer()).body, "halfhalf")
    })
  )

  it.live("that is waited for costs no worker until it is there, and is read as usual", () =>
    Effect.gen(function* () {
      const { app, port } = yield* served(true)
      const one = yield* client(port)
      one.request("POST /", { "Content-Length": 8 }, "half")
      yield* until("half has come", () => app.counts.heldBytes === 4)
      assert.deepStrictEqual([app.pool.running, app.counts.queued, app.counts.pending], [0, 0, 1])
      assert.strictEqual((yield* ask(port)).status, 200)
      one.send("half")
      assert.strictEqual((yield* one.answer()).body, "halfhalf")
      assert.strictEqual(app.counts.heldBytes, 0)
    })
  )

  for (const [name, listener] of [
    [
      "by its events",
      (request: IncomingMessage, response: ServerResponse) => {
        let text = ""
        request.on("data", (chunk: Buffer) => (text += chunk.toString("latin1")))
        request.on("end", () => response.writeHead(200, { "content-length": text.length }).end(text))
      }
    ],
    ["by iteration", echo],
    ["not at all", (_: IncomingMessage, response: ServerResponse) => response.writeHead(204).end()]
  ] as const) {
    it.live(`of any size and in any pieces can be read ${name}, and the connection goes on`, () =>
      Effect.gen(function* () {
        const { port } = yield* served(true, listener)
        const one = yield* client(port)
        const body = "x".repeat(200_000)
        const expected = name === "not at all" ? "" : body
        one.request("POST /", { "Content-Length": body.length }, body)
        assert.strictEqual((yield* one.answer()).body, expected)
        one.request("POST /", { "Transfer-Encoding": "chunked" })
        for (const piece of ["a", "b".repeat(70_000), "c"]) one.send(`${piece.length.toString(16)}\r\n${piece}\r\n`)
        one.send("0\r\n\r\n")
        const { body: answered } = yield* one.answer(2)
        assert.strictEqual(answered, name === "not at all" ? "" : `a${"b".repeat(70_000)}c`)
        one.request("POST /", { "Transfer-Encoding": "chunked" }, "0\r\n\r\n")
        assert.strictEqual((yield* one.answer(3)).body, "")
      })
    )
  }

  it.live("that says it is too large is answered 413 before any of it is read", () =>
    Effect.gen(function* () {
      const { app, port } = yield* served({ maxBytes: 10 })
      const one = yield* client(port)
      one.request("POST /", { "Content-Length": 11 })
      const { headers, status } = yield* one.answer()
      assert.deepStrictEqual([status, headers["connection"], app.counts.heldBytes], [413, "close", 0])
      yield* until("it is closed", () => one.closed)
      assert.strictEqual((yield* ask(port, "/", { method: "POST", body: "0123456789" })).status, 200)
    })
  )

  it.live("that turns out to be too large is answered 413", () =>
    Effect.gen(function* () {
      const { app, port } = yield* served({ maxBytes: 10 })
      const one = yield* client(port)
      one.request("POST /", { "Transfer-Encoding": "chunked" }, "8\r\n01234567\r\n")
      yield* until("it is held", () => app.counts.heldBytes === 8)
      one.send("8\r\n01234567\r\n")
      assert.strictEqual((yield* one.answer()).status, 413)
      assert.strictEqual(app.counts.heldBytes, 0)
    })
  )

  it.live("that does not fit beside the others is answered 503, before any of it is read if it says so", () =>
    Effect.gen(function* () {
      const { app, port } = yield* served({ maxTotalBytes: 10 })
      const [held, foreseen, met] = [yield* client(port), yield* client(port), yield* client(port)]
      held.request("POST /", { "Content-Length": 9 }, "01234567")
      yield* until("it is held", () => app.counts.heldBytes === 8)
      foreseen.request("POST /", { "Content-Length": 3 })
      const { headers, status } = yield* foreseen.answer()
      assert.deepStrictEqual([status, headers["retry-after"]], [503, "1"])
      met.request("POST /", { "Transfer-Encoding": "chunked" }, "3\r\n012\r\n")
      assert.strictEqual((yield* met.answer()).status, 503)
      held.send("8")
      assert.strictEqual((yield* held.answer()).body, "012345678")
      assert.strictEqual(app.counts.heldBytes, 0)
    })
  )

  it.live("counts as held until the request is over", () =>
    Effect.gen(function* () {
      const turnstile = new Turnstile()
      const { app, port } = yield* served(true, turnstile.listener)
      const one = yield* client(port)
      one.request("POST /", { "Content-Length": 4 }, "body")
      yield* until("it runs", () => app.pool.running === 1)
      assert.strictEqual(app.counts.heldBytes, 4)
      turnstile.open()
      yield* one.answer()
      yield* until("it is given back", () => app.counts.heldBytes === 0)
    })
  )

  it.live("that breaks off gives back what it held", () =>
    Effect.gen(function* () {
      const { app, port } = yield* served(true)
      for (let count = 1; count <= 5; count++) {
        const one = yield* client(port)
        one.request("POST /", { "Content-Length": 100 }, "0123456789")
        yield* until("it is held", () => app.counts.heldBytes === 10)
        one.leave()
        yield* until("it is given back", () => app.counts.heldBytes === 0)
        assert.strictEqual(app.counts.dropped, count)
      }
    })
  )

  it.live("that is there and empty, and waits for a worker, still has its end to tell", () =>
    Effect.gen(function* () {
      const turnstile = new Turnstile()
      const { app, port } = yield* served(true, async (request, response) => {
        if (request.method === "GET") return turnstile.listener(request, response)
        await new Promise((resolve) => request.resume().once("end", resolve))
        response.writeHead(204).end()
      })
      const [first, second] = [yield* client(port), yield* client(port)]
      first.request("GET /first")
      yield* until("it runs", () => app.pool.running === 1)
      second.request("POST /", { "Transfer-Encoding": "chunked" }, "0\r\n\r\n")
      yield* until("it is queued", () => app.counts.queued === 1)
      yield* Effect.promise(() => new Promise((resolve) => setTimeout(resolve, 5)))
      turnstile.open()
      assert.strictEqual((yield* second.answer()).status, 204)
    })
  )

  it.live("that has come before the app is called, or has been read by then, is not waited for", () =>
    Effect.gen(function* () {
      const app = yield* RunInPool.node(echo, { maxWorkers: 1, waitForBody: true })
      const port = yield* serveFor(app, async (request, response) => {
        if (request.url === "/read") for await (const _ of request);
        else await until("it has come", () => request.complete).pipe(Effect.runPromise)
        app(request, response)
      })
      assert.strictEqual((yield* ask(port, "/come", { method: "POST", body: "body" })).body, "body")
      assert.strictEqual((yield* ask(port, "/read", { method: "POST", body: "body" })).body, "")
    })
  )

  it.live("whose client has left before the app is called is dropped", () =>
    Effect.gen(function* () {
      let calls = 0
      const app = yield* RunInPool.node(() => void calls++, { maxWorkers: 1, waitForBody: true })
      const port = yield* serveFor(app, (request, response) => {
        response.once("close", () => setImmediate(() => app(request, response)))
      })
      const one = yield* client(port)
      one.request("POST /", { "Content-Length": 8 }, "half")
      yield* Effect.promise(() => new Promise((resolve) => setTimeout(resolve, 5)))
      one.leave()
      yield* until("it has come", () => app.counts.received === 1)
      assert.deepStrictEqual([app.counts.dropped, app.counts.heldBytes, calls], [1, 0, 0])
    })
  )
})
