/** The laws of what is sent. */
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { HttpError } from "green-http"
import { bytes, law, type Law, read, rest, until } from "../exchangeLaws.ts"

const chunked = (whole: Uint8Array, size: number): Stream.Stream<Uint8Array> =>
  Stream.fromIterable(
    Array.from({ length: Math.ceil(whole.byteLength / size) }, (_, n) => whole.subarray(n * size, (n + 1) * size))
  )

/** What the server has got: its length by the head, and the bytes. */
const mirror = async (request: Request): Promise<Response> => {
  const length = request.headers.get("content-length") ?? "none"
  return new Response(await request.arrayBuffer(), { headers: { "x-length": length } })
}

const field = (headers: ReadonlyArray<string>, name: string): string | undefined =>
  headers[headers.findIndex((one, index) => index % 2 === 0 && one.toLowerCase() === name) + 1]

export const requests: ReadonlyArray<Law> = [
  law("the method, the path and the query arrive as they are", [], (open) =>
    Effect.gen(function* () {
      const peer = yield* open.fetch(({ method, url }) => {
        const { pathname, search } = new URL(url)
        return new Response(`${method} ${pathname}${search}`)
      })
      const path = "/a%20b/%C3%A9;v=1//c%2Fd?q=1&q=2&empty=&%26=%20+'\"&utf=%E2%82%AC"
      const { pathname, search } = new URL(path, "http://app.test")
      for (const method of ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
        assert.strictEqual(yield* peer.text(path, { method }), `${method} ${pathname}${search}`)
    })
  ),

  law("a method may be any token", ["any method"], (open) =>
    Effect.gen(function* () {
      const peer = yield* open.fetch(({ method }) => new Response(method))
      for (const method of ["PROPFIND", "REPORT"]) assert.strictEqual(yield* peer.text("/", { method }), method)
    })
  ),

  law("fields arrive by their names in any case, those of one name in order", [], (open) =>
    Effect.gen(function* () {
      const peer = yield* open.fetch(({ headers }) => new Response(`${headers.get("x-One")} ${headers.get("x-two")}`))
      const headers = ["X-One", "a", "x-two", "1", "X-TWO", "2, 3", "x-Two", "4"]
      assert.strictEqual(yield* peer.text("/", { headers }), "a 1, 2, 3, 4")
    })
  ),

  law("names that mean something to JavaScript are fields as any others, both ways", ["any name"], (open) =>
    Effect.gen(function* () {
      const names = ["__proto__", "constructor", "toString", "hasownproperty", "__definegetter__"]
      const peer = yield* open.fetch(
        (request) => new Response(null, { headers: names.map((name) => [name, `back ${request.headers.get(name)}`]) })
      )
      const { body, headers } = yield* peer.ask("/", { headers: names.flatMap((name) => [name, `a ${name}`]) })
      for (const name of names) assert.strictEqual(field(headers, name.toLowerCase()), `back a ${name}`)
      yield* body.discard
    })
  ),

  law("user, password and fragment of the URL are not sent", [], (open) =>
    Effect.gen(function* () {
      const peer = yield* open.fetch(({ headers, url }) => {
        const { hash, password, pathname, search, username } = new URL(url)
        return Response.json([pathname + search, username, password, hash, headers.get("authorization")])
      })
      const url = new URL("/path?query#fragment", peer.url)
      url.username = "user"
      url.password = "pass"
      const response = yield* peer.exchange({ method: "GET", url, headers: [] })
      assert.deepStrictEqual(JSON.parse(String(yield* read(response))), ["/path?query", "", "", "", null])
    })
  ),

  law("bytes go up as they are, with their length", [], (open) =>
    Effect.gen(function* () {
      const peer = yield* open.fetch(mirror)
      for (const size of [0, 1, 65_536, 1_000_000]) {
        const body = bytes(size)
        const response = yield* peer.ask("/", { method: "POST", body })
        assert.strictEqual(field(response.headers, "x-length"), String(size))
        assert.isTrue((yield* read(response)).equals(body))
      }
    })
  ),

  law("a stream goes up as it is: with the length that is told, or without one", [], (open) =>
    Effect.gen(function* () {
      const peer = yield* open.fetch(mirror)
      for (const [size, piece] of [
        [0, 1],
        [10, 1],
        [300_000, 70_001]
      ] as const) {
        const whole = bytes(size)
        const stream = Stream.concat(Stream.make(new Uint8Array(0)), chunked(whole, piece))
        const known = yield* peer.ask("/", { method: "PUT", body: { stream, length: size } })
        assert.strictEqual(field(known.headers, "x-length"), String(size))
        assert.isTrue((yield* read(known)).equals(whole))
        const unknown = yield* peer.ask("/", { method: "PUT", body: { stream } })
        // Of nothing the length may be seen.
        if (size > 0) assert.strictEqual(field(unknown.headers, "x-length"), "none")
        assert.isTrue((yield* read(unknown)).equals(whole))
      }
    })
  ),

  law("a stream that does not keep its length fails the exchange: RequestBody", ["server"], (open) =>
    Effect.gen(function* () {
      const peer = yield* open.fetch(mirror)
      for (const length of [5, 20]) {
        const body = { stream: chunked(bytes(10), 2), length }
        const error = yield* Effect.flip(Effect.flatMap(peer.ask("/", { method: "POST", body }), read))
        assert.strictEqual(error.reason._tag, "RequestBody", error.message)
      }
    })
  ),

  law("a stream that fails, fails the exchange with its reason, and is closed", [], (open) =>
    Effect.gen(function* () {
      const peer = yield* open.fetch(mirror)
      const reason = { _tag: "RequestBody", cause: new Error("torn") } as const
      let closed = 0
      const stream = Stream.make(bytes(10)).pipe(
        Stream.concat(Stream.fail(new HttpError({ method: "POST", url: "", reason }))),
        Stream.onExit(() => Effect.sync(() => closed++))
      )
      const error = yield* Effect.flip(peer.ask("/", { method: "POST", body: { stream } }))
      assert.deepStrictEqual(error.reason, reason)
      yield* until(() => closed === 1)
    })
  ),

  law("a stream is closed when the exchange is interrupted", [], (open) =>
    Effect.gen(function* () {
      const peer = yield* open.fetch(mirror)
      let started = false
      let closed = false
      const stream = Stream.make(bytes(10)).pipe(
        Stream.concat(
          Stream.fromEffect(
            Effect.andThen(
              Effect.sync(() => (started = true)),
              Effect.never
            )
          )
        ),
        Stream.onExit(() => Effect.sync(() => (closed = true)))
      )
      const fiber = yield* Effect.forkChild(peer.ask("/", { method: "POST", body: { stream } }))
      yield* until(() => started)
      yield* Fiber.interrupt(fiber)
      yield* until(() => closed)
    })
  ),

  law("streams that are interrupted anywhere on their way leave the handler as it was", ["server"], (open) =>
    Effect.gen(function* () {
      const peer = yield* open.fetch(mirror)
      const turn = Effect.callback<void>((resume) => void setImmediate(() => resume(Effect.void)))
      const [short, long] = [bytes(10), bytes(40_000)]
      // Each of them is on its way for each number of turns, twice.
      for (let n = 0; n < 32; n++) {
        const body = { stream: Stream.forever(Stream.make(n % 16 < 8 ? short : long)) }
        const fiber = yield* Effect.forkChild(peer.ask("/", { method: "POST", body }), { startImmediately: true })
        for (let turns = n % 8; turns > 0; turns--) yield* turn
        yield* Fiber.interrupt(fiber)
      }
      assert.isTrue((yield* Effect.flatMap(peer.ask("/", { method: "POST", body: bytes(10) }), read)).equals(bytes(10)))
    })
  ),

  law("a stream is pulled only as fast as it is taken", ["server"], (open) =>
    Effect.gen(function* () {
      const answer = Promise.withResolvers<Response>()
      const peer = yield* open.fetch(async (request) => {
        await request.body?.getReader().read()
        return answer.promise
      })
      let pulled = 0
      const chunk = bytes(65_536)
      const stream = Stream.fromEffectRepeat(Effect.sync(() => (pulled++, chunk)))
      const fiber = yield* Effect.forkChild(peer.ask("/", { method: "POST", body: { stream } }))
      // The system has buffers too.
      assert.isBelow(yield* rest(() => pulled), 1000)
      yield* Fiber.interrupt(fiber)
      answer.resolve(new Response())
    })
  ),

  law("a server may answer without reading: then the stream is closed with the exchange", ["server"], (open) =>
    Effect.gen(function* () {
      const body = Promise.withResolvers<void>()
      const peer = yield* open.fetch(
        () =>
          new Response(
            new ReadableStream({
              pull: async (controller) => {
                await body.promise
                controller.enqueue(bytes(3))
                controller.close()
              }
            }),
            { status: 413 }
          )
      )
      let open_ = 0
      const stream = Stream.fromEffectRepeat(Effect.sync(() => bytes(65_536))).pipe(
        Stream.onStart(Effect.sync(() => open_++)),
        Stream.onExit(() => Effect.sync(() => open_--))
      )
      const response = yield* peer.ask("/", { method: "POST", body: { stream } })
      assert.strictEqual(response.status, 413)
      body.resolve()
      assert.strictEqual((yield* read(response)).byteLength, 3)
      yield* until(() => open_ === 0)
    })
  )
]
