/** How far a request has come. */
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { Auth, GreenHttp, MemoryExchange, Progress, UndiciExchange } from "green-http"
import * as Zlib from "node:zlib"
import { serve } from "./support/server.ts"

const over = Effect.provide(UndiciExchange.layer())

/** Everything that a reader of a progress has seen by its end, from before the request on. */
const watching = (progress: Progress.Progress) =>
  Effect.forkChild(Stream.runCollect(progress.changes), { startImmediately: true })

const of = (direction: Progress.Change["direction"], changes: ReadonlyArray<Progress.Change>) =>
  changes.filter((change) => change.direction === direction)

describe("progress", () => {
  it.live("counts up to all of an upload and of a download, bytes in pieces too", () =>
    Effect.gen(function* () {
      const server = yield* serve((request, response) => {
        response.setHeader("content-length", request.headers["content-length"] ?? "")
        request.pipe(response)
      })
      const http = yield* GreenHttp.make({ baseUrl: server.url })
      const total = 3_000_000
      const bytes = new Uint8Array(total)
      const streamed = Stream.fromIterable([bytes.subarray(0, 1_000_000), bytes.subarray(1_000_000)], { chunkSize: 1 })
      for (const options of [
        { body: bytes },
        { body: streamed, length: total }
      ] satisfies Array<GreenHttp.RequestOptions>) {
        const progress = Progress.make()
        const seen = yield* watching(progress)
        const response = yield* http.post("/", { ...options, progress })
        assert.strictEqual((yield* response.bytes).byteLength, total)
        const changes = yield* Fiber.join(seen)
        for (const direction of ["upload", "download"] as const) {
          const each = of(direction, changes)
          assert.isAbove(each.length, 2, direction)
          assert.deepStrictEqual(each.at(-1), { direction, bytes: total, total })
          assert.isTrue(each.every((change, index) => index === 0 || change.bytes > (each[index - 1]?.bytes ?? 0)))
        }
      }
    }).pipe(over)
  )

  it.live("counts what goes over the wire: after compression, before it is undone", () =>
    Effect.gen(function* () {
      const text = "hello ".repeat(100_000)
      const zipped = Zlib.gzipSync(text)
      let received = 0
      const server = yield* serve(async (request, response) => {
        for await (const chunk of request) received += chunk.length
        response.writeHead(200, { "content-encoding": "gzip", "content-length": zipped.byteLength }).end(zipped)
      })
      const http = yield* GreenHttp.make({ baseUrl: server.url })
      const progress = Progress.make()
      const response = yield* http.post("/", { body: text, compress: "br", progress })
      assert.strictEqual(yield* response.text, text)
      assert.deepStrictEqual(yield* Stream.runCollect(progress.changes), [
        { direction: "upload", bytes: received, total: received },
        { direction: "download", bytes: zipped.byteLength, total: zipped.byteLength }
      ])
    }).pipe(over)
  )

  it.live("has no total when nobody knows it", () =>
    Effect.gen(function* () {
      const server = yield* serve((request, response) => request.pipe(response))
      const http = yield* GreenHttp.make({ baseUrl: server.url })
      const progress = Progress.make()
      const response = yield* http.post("/", { body: Stream.make(new Uint8Array(10)), progress })
      yield* response.bytes
      assert.deepStrictEqual(yield* Stream.runCollect(progress.changes), [
        { direction: "upload", bytes: 10, total: undefined },
        { direction: "download", bytes: 10, total: undefined }
      ])
    }).pipe(over)
  )

  it.live("is not waited for: a slow reader sees the latest of each direction", () =>
    Effect.gen(function* () {
      const server = yield* serve((request, response) => request.pipe(response))
      const http = yield* GreenHttp.make({ baseUrl: server.url })
      const progress = Progress.make()
      const ended = yield* Deferred.make<void>()
      const seen: Array<Progress.Change> = []
      const slow = yield* Effect.forkChild(
        Stream.runForEach(progress.changes, (change) => {
          seen.push(change)
          return Deferred.await(ended)
        }),
        { startImmediately: true }
      )
      const total = 2_000_000
      yield* Effect.flatMap(http.post("/", { body: new Uint8Array(total), progress }), ({ bytes }) => bytes)
      yield* Deferred.succeed(ended, undefined)
      yield* Fiber.join(slow)
      assert.deepStrictEqual(seen, [
        { direction: "upload", bytes: 0, total },
        { direction: "upload", bytes: total, total },
        { direction: "download", bytes: total, total: undefined }
      ])
    }).pipe(over)
  )

  it.live("starts over when the request is sent again, and counts the last response", () =>
    Effect.gen(function* () {
      let busy = 0
      const server = yield* serve(async (request, response) => {
        await request.resume().toArray()
        if (request.url === "/moved") response.writeHead(307, { location: "/busy" }).end("moved")
        else if (busy++ === 0) response.writeHead(503).end("busy")
        else response.end("taken")
      })
      const http = yield* GreenHttp.make({ baseUrl: server.url, retry: {} })
      const progress = Progress.make()
      const seen = yield* watching(progress)
      yield* Effect.flatMap(http.put("/moved", { body: "text", progress }), ({ text }) => text)
      const changes = yield* Fiber.join(seen)
      assert.deepStrictEqual(changes, [
        ...[0, 4, 0, 4, 0, 4].map((bytes) => ({ direction: "upload" as const, bytes, total: 4 })),
        { direction: "download", bytes: 0, total: 5 },
        { direction: "download", bytes: 5, total: 5 }
      ])
    }).pipe(over)
  )

  it.live("ends when the body is let go, when there is none, and when the request fails or is interrupted", () =>
    Effect.gen(function* () {
      const server = yield* serve((request, response) => {
        if (request.url === "/large") response.write(new Uint8Array(100_000))
        else if (request.url === "/none") response.writeHead(204).end()
        else if (request.url === "/broken")
          response.writeHead(200, { "content-length": 9 }).write("short", () => request.socket.destroy())
      })
      const http = yield* GreenHttp.make({ baseUrl: server.url })
      const ending = (use: (progress: Progress.Progress) => Effect.Effect<unknown, unknown>) =>
        Effect.gen(function* () {
          const progress = Progress.make()
          const seen = yield* watching(progress)
          yield* Effect.exit(use(progress))
          return yield* Fiber.join(seen)
        })
      yield* ending((progress) => Effect.flatMap(http.get("/large", { progress }), ({ discard }) => discard))
      const none = yield* ending((progress) => http.get("/none", { progress }))
      assert.deepStrictEqual(none, [{ direction: "download", bytes: 0, total: 0 }])
      const broken = yield* ending((progress) => Effect.flatMap(http.get("/broken", { progress }), ({ text }) => text))
      assert.deepStrictEqual(broken.at(-1), { direction: "download", bytes: 5, total: 9 })
      yield* ending((progress) => http.get("http://127.0.0.1:1/", { progress }))
      yield* ending((progress) => http.get("ftp://nowhere/", { progress }))
      yield* ending((progress) => Effect.timeout(http.get("/never", { progress }), 20))
      yield* ending((progress) =>
        Effect.timeout(
          Effect.flatMap(http.get("/large", { progress }), ({ bytes }) => bytes),
          20
        )
      )
      yield* http.close
      yield* ending((progress) => http.get("/none", { progress }))
    }).pipe(over)
  )

  it.live("is of one request: a second one fails", () =>
    Effect.gen(function* () {
      const server = yield* serve((_, response) => response.end())
      const http = yield* GreenHttp.make({ baseUrl: server.url })
      const progress = Progress.make()
      yield* http.get("/", { progress })
      assert.strictEqual((yield* Effect.flip(http.get("/", { progress }))).reason._tag, "InvalidRequest")
    }).pipe(over)
  )

  it.live("of bytes leaves them at hand, to be hashed by digest authentication", () =>
    Effect.gen(function* () {
      const server = yield* serve((request, response) => {
        request.resume()
        const challenge = `Digest realm="realm", nonce="nonce", qop="auth-int"`
        if (request.headers.authorization === undefined)
          response.writeHead(401, { "www-authenticate": challenge }).end()
        else response.end(request.headers.authorization)
      })
      const http = yield* GreenHttp.make({ baseUrl: server.url, auth: yield* Auth.digest("user", "pass") })
      const response = yield* http.post("/", { body: "text", progress: Progress.make() })
      assert.include(yield* response.text, "qop=auth-int")
    }).pipe(over)
  )

  it("is an AsyncIterable for code without Effect", async () => {
    const app = MemoryExchange.layer(() => new Response("hello", { headers: { "content-length": "5" } }))
    await using http = await GreenHttp.promises(app, { baseUrl: "http://app.test" })
    const progress = Progress.make()
    const reading = http.get("/", { progress }).then((response) => response.text())
    let last: Progress.Change | undefined
    for await (const change of progress) last = change
    assert.deepStrictEqual(last, { direction: "download", bytes: 5, total: 5 })
    assert.strictEqual(await reading, "hello")
    for await (const change of progress) {
      assert.strictEqual(change.bytes, 5)
      break
    }
  })
})
