/** libcurl over `waitFd`: what an interruption, a time-out, a failed wait and a closed scope leave behind. */
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import { Fd, Green, WaitFd } from "green-core"
import koffi from "koffi"
import { once } from "node:events"
import { readdirSync } from "node:fs"
import { constants } from "node:os"
import { Worker } from "node:worker_threads"
import * as Curl from "./Curl.ts"
import { load } from "./libcurl.ts"
import * as Server from "./server.ts"

const libcurl = load()

const make = Effect.suspend(() => (libcurl === undefined ? Effect.die("there is no libcurl") : Curl.make(libcurl)))

const withServer = Effect.gen(function* () {
  const server = yield* Server.listen
  const curl = yield* make
  return { server, curl, get: (path: string) => curl.get(server.url + path) }
})

const sockets = Effect.sync(() => readdirSync("/proc/self/fd").length)

/** Waits for what other fibers, or the server, are about to do. */
const until = (condition: Effect.Effect<boolean, never, WaitFd>) =>
  Effect.gen(function* () {
    while (!(yield* condition)) yield* Effect.sleep("1 millis")
  })

const waiting = (count: number) => Effect.map(WaitFd.statistics, ({ descriptors }) => descriptors === count)
const nobodyWaits = waiting(0)

/** A server in a thread of its own. */
const elsewhere = Effect.acquireRelease(
  Effect.promise(async () => {
    const source = `
      const { parentPort } = require("node:worker_threads")
      const server = require("node:http").createServer((request, response) =>
        setTimeout(() => response.end(request.url), request.url.length)
      )
      server.listen(0, "127.0.0.1", () => parentPort.postMessage(server.address().port))
    `
    const worker = new Worker(source, { eval: true })
    const [port] = await once(worker, "message")
    return { worker, url: `http://127.0.0.1:${port}` }
  }),
  ({ worker }) => Effect.promise(() => worker.terminate())
)

describe.skipIf(libcurl === undefined)("libcurl", () => {
  it.live("carries out many transfers at the same time, in one event loop", () =>
    Effect.gen(function* () {
      const { get } = yield* withServer
      // The server answers three at a time.
      const names = Array.from({ length: 30 }, (_, index) => `${index}`)
      const responses = yield* Effect.forEach(names, (name) => get(`/together/${name}`), { concurrency: "unbounded" })
      assert.deepStrictEqual(
        responses,
        names.map((body) => ({ status: 200, body }))
      )
      assert.isTrue(yield* nobodyWaits)
    }).pipe(Effect.scoped, Effect.provide(Green.layer))
  )

  it.live("and in a blocked thread", () =>
    Effect.gen(function* () {
      const { url } = yield* elsewhere
      const names = Array.from({ length: 100 }, (_, index) => `/${index}`)
      const program = Effect.gen(function* () {
        const curl = yield* make
        return yield* Effect.forEach(names, (name) => curl.get(url + name), { concurrency: 10 })
      }).pipe(Effect.scoped, Effect.timeout("30 seconds"))
      assert.deepStrictEqual(
        Green.runSync(program).map(({ body }) => body),
        names
      )
    }).pipe(Effect.scoped)
  )

  it.live("an interrupted transfer is out of curl, and its connection closed; the others go on", () =>
    Effect.gen(function* () {
      const { get, server } = yield* withServer
      const staying = yield* Effect.forkChild(Effect.all([get("/together/a"), get("/together/b")], { concurrency: 2 }))
      const leaving = yield* Effect.forkChild(get("/never"))
      yield* Deferred.await(server.asked)
      yield* until(waiting(3))
      yield* Fiber.interrupt(leaving)
      assert.isTrue(yield* waiting(2))
      yield* Deferred.await(server.left)
      assert.strictEqual((yield* get("/together/c")).body, "c")
      assert.deepStrictEqual(
        (yield* Fiber.join(staying)).map(({ body }) => body),
        ["a", "b"]
      )
    }).pipe(Effect.scoped, Effect.provide(Green.layer))
  )

  it.live("a hundred transfers, half of them interrupted at some moment, leave nothing behind", () =>
    Effect.gen(function* () {
      // What loads at the first use stays open.
      yield* Effect.scoped(Effect.flatMap(withServer, ({ get }) => get("/large")))
      const open = yield* sockets
      const registered = koffi.stats().callbacks
      const scope = yield* Scope.make()
      const { get } = yield* Scope.provide(withServer, scope)
      const bodies = yield* Effect.forEach(
        Array.from({ length: 100 }, (_, index) => index),
        (index) =>
          index % 2 === 0
            ? Effect.map(get("/large"), ({ body }) => body.length)
            : get("/large").pipe(Effect.timeoutOption(`${index} millis`), Effect.as(0)),
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual(new Set(bodies), new Set([6 << 18, 0]))
      assert.isTrue(yield* nobodyWaits)
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual(koffi.stats().callbacks, registered)
      // The server's ends close when it has seen curl's close.
      yield* until(Effect.map(sockets, (count) => count <= open))
    }).pipe(Effect.provide(Green.layer))
  )

  it.live("the time-out of curl's own timer, and of Effect's", () =>
    Effect.gen(function* () {
      const { curl, get, server } = yield* withServer
      const own = yield* Effect.flip(curl.get(`${server.url}/never`, { timeout: "20 millis" }))
      assert.strictEqual(own.code, 28)
      const other = yield* Effect.flip(get("/never").pipe(Effect.timeout("20 millis")))
      assert.strictEqual(other._tag, "TimeoutError")
      assert.isTrue(yield* nobodyWaits)
    }).pipe(Effect.scoped, Effect.provide(Green.layer))
  )

  it.live("errors are curl's, with the URL: refused, no such scheme, no such name, cut short", () =>
    Effect.gen(function* () {
      const curl = yield* make
      for (const [url, code] of [
        ["http://127.0.0.1:1/", 7],
        ["nonsense://127.0.0.1/", 1],
        ["http://there.is.invalid/", 6],
        ["http://127.0.0.1:1/\0", undefined]
      ] as const) {
        const error = yield* Effect.flip(curl.get(url))
        assert.deepInclude(error, { _tag: "CurlError", url, code })
        assert.include(error.message, url)
      }
    }).pipe(Effect.scoped, Effect.provide(Green.layer))
  )

  it.live("whichever wait fails, the transfers fail with it, and nothing is left", () =>
    Effect.gen(function* () {
      for (let which = 1; ; which++) {
        let waits = 0
        const failing = WaitFd.around((request, next) =>
          ++waits === which ? Effect.fail(Fd.system(request.fd, "wait", constants.errno.ECONNRESET)) : next()
        )
        const exit = yield* Effect.gen(function* () {
          const { curl, get } = yield* withServer
          const exit = yield* Effect.exit(Effect.all([get("/large"), get("/other")], { concurrency: 2 }))
          // Another one is served as before.
          if (waits >= which) assert.strictEqual((yield* get("/other")).status, 404)
          assert.isTrue(yield* nobodyWaits)
          return { curl, exit }
        }).pipe(Effect.scoped, Effect.provide(failing.pipe(Layer.provideMerge(Green.layer))))
        if (Exit.isSuccess(exit.exit)) return assert.isAbove(which, 2)
        const error = yield* Effect.flip(exit.exit)
        assert.deepInclude(error, { _tag: "CurlError", code: undefined })
        assert.include(error.message, "ECONNRESET")
      }
    })
  )

  it.live("the end of the scope fails what is left, and a later transfer", () =>
    Effect.gen(function* () {
      const server = yield* Server.listen
      const scope = yield* Scope.make()
      const curl = yield* Scope.provide(make, scope)
      const left = yield* Effect.forkChild(Effect.flip(curl.get(`${server.url}/never`)))
      yield* Deferred.await(server.asked)
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual((yield* Fiber.join(left)).problem, "curl was closed")
      yield* Deferred.await(server.left)
      assert.strictEqual((yield* Effect.flip(curl.get(server.url))).problem, "curl was closed")
      assert.isTrue(yield* nobodyWaits)
    }).pipe(Effect.scoped, Effect.provide(Green.layer))
  )

  it.live("a fiber that is resumed may close curl at once", () =>
    Effect.gen(function* () {
      const server = yield* Server.listen
      for (let round = 0; round < 20; round++) {
        const scope = yield* Scope.make()
        const curl = yield* Scope.provide(make, scope)
        const closing = (path: string) =>
          Effect.ensuring(Effect.exit(curl.get(server.url + path)), Scope.close(scope, Exit.void))
        const interrupted = yield* Effect.forkChild(Effect.timeoutOption(curl.get(`${server.url}/never`), "2 millis"))
        yield* Effect.all([closing("/other"), closing("/another"), closing("/large")], { concurrency: 3 })
        yield* Fiber.await(interrupted)
      }
      assert.isTrue(yield* nobodyWaits)
    }).pipe(Effect.scoped, Effect.provide(Green.layer))
  )
})
