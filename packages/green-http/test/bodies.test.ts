/** What is sent and what is received, in the forms that a program has them in. */
import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import * as SchemaGetter from "effect/SchemaGetter"
import { GreenHttp, HttpError, MemoryExchange, UndiciExchange } from "green-http"
import * as Fs from "node:fs"
import * as Path from "node:path"
import { Readable } from "node:stream"
import { expectTypeOf } from "vitest"
import { directory } from "./support/directory.ts"
import { bodyOf, serve, serveRaw } from "./support/server.ts"

const over = Effect.provide(UndiciExchange.layer())

/** Answers with what it was sent, and its type. */
const echo = MemoryExchange.layer(
  (request) => new Response(request.body, { headers: { "content-type": request.headers.get("content-type") ?? "" } })
)

class Clock extends Context.Service<Clock, { readonly now: string }>()("test/Clock") {}

const User = Schema.Struct({ name: Schema.NonEmptyString, born: Schema.DateFromString })

describe("json with a Schema", () => {
  it.effect("is checked and encoded before anything is sent, and decoded when it comes back", () =>
    Effect.gen(function* () {
      const http = yield* GreenHttp.make({ baseUrl: "http://app.test" })
      const user = { name: "Ada", born: new Date(0) }
      const response = yield* http.post("/", { json: GreenHttp.encoded(User, user) })
      assert.strictEqual(yield* response.text, '{"name":"Ada","born":"1970-01-01T00:00:00.000Z"}')
      assert.strictEqual(response.headers["content-type"], "application/json")
      assert.deepStrictEqual(yield* response.decode(User), user)
    }).pipe(Effect.provide(echo))
  )

  it.effect("a value that does not fit is a typed failure, with the Schema's words, and is not sent", () =>
    Effect.gen(function* () {
      let asked = 0
      const app = MemoryExchange.layer(() => {
        asked++
        return new Response()
      })
      const http = yield* Effect.provide(GreenHttp.make({ baseUrl: "http://app.test" }), app)
      const json = GreenHttp.encoded(User, { name: "", born: new Date(0) })
      const error = yield* Effect.flip(http.post("/", { json }))
      assert.strictEqual(error.reason._tag, "RequestBody")
      assert.match(error.message, /length[^]*\["name"\]/)
      const none = yield* Effect.flip(http.post("/", { json: () => {} }))
      assert.strictEqual(none.reason._tag, "RequestBody")
      assert.strictEqual(asked, 0)
    })
  )

  it("takes the Type of its Schema, and no Schema whose encoding needs services", () => {
    expectTypeOf(GreenHttp.encoded(User, { name: "a", born: new Date() })).toEqualTypeOf<GreenHttp.EncodedJson>()
    // @ts-expect-error: what is encoded is the Type, not the encoded form
    GreenHttp.encoded(User, { name: "a", born: "1970-01-01" })
    const needing = Schema.String.pipe(
      Schema.decodeTo(Schema.String, {
        decode: SchemaGetter.passthrough(),
        encode: SchemaGetter.transformEffect(() => Effect.map(Clock, ({ now }) => now))
      })
    )
    // @ts-expect-error: its encoding needs a Clock
    GreenHttp.encoded(needing, "a")
  })

  it("is decoded by a promise too, or rejects with what is wrong", async () => {
    await using http = await GreenHttp.promises(echo, { baseUrl: "http://app.test" })
    const response = await http.post("/", { json: { name: "Ada", born: "1970-01-01" } })
    const user = await response.decode(User)
    expectTypeOf(user).toEqualTypeOf<{ readonly name: string; readonly born: Date }>()
    assert.deepStrictEqual(user, { name: "Ada", born: new Date(0) })
    const error: unknown = await response.decode(Schema.Number).catch((error: unknown) => error)
    assert.instanceOf(error, HttpError)
    assert.strictEqual(error.reason._tag, "Decode")
    assert.include(error.message, "Expected number")
    const needing = Schema.String.pipe(
      Schema.decodeTo(Schema.String, {
        decode: SchemaGetter.transformEffect(() => Effect.map(Clock, ({ now }) => now)),
        encode: SchemaGetter.passthrough()
      })
    )
    // @ts-expect-error: its decoding needs a Clock
    const unserved = response.decode(needing).catch(() => {})
    await unserved
  })
})

describe("a body to be sent", () => {
  it.live("is a file, a Blob, or a stream of the platform, with its length where that is known", () =>
    Effect.gen(function* () {
      const server = yield* serve(async (request, response) => {
        const body = await bodyOf(request)
        response.end(JSON.stringify([body, request.headers["content-length"], request.headers["content-type"]]))
      })
      const http = yield* GreenHttp.make({ baseUrl: server.url })
      const path = Path.join(yield* directory, "file")
      Fs.writeFileSync(path, "content")
      const sent = (body: NonNullable<GreenHttp.RequestOptions["body"]>) =>
        Effect.flatMap(http.put("/", { body }), (response) => response.json)
      assert.deepStrictEqual(yield* sent({ path }), ["content", "7", null])
      assert.deepStrictEqual(yield* sent(new Blob(["blob"], { type: "text/css" })), ["blob", "4", "text/css"])
      assert.deepStrictEqual(yield* sent(Fs.createReadStream(path)), ["content", null, null])
      assert.deepStrictEqual(yield* sent(Readable.from(["te", "xt"])), ["text", null, null])
      assert.deepStrictEqual(yield* sent(new Blob(["web"]).stream()), ["web", null, null])
    }).pipe(over)
  )

  it.live("that fails while it is sent fails the request, with its cause", () =>
    Effect.gen(function* () {
      const server = yield* serve((request, response) => request.resume().on("end", () => response.end()))
      const http = yield* GreenHttp.make({ baseUrl: server.url })
      async function* failing() {
        yield "some"
        throw new Error("no more")
      }
      const error = yield* Effect.flip(http.post("/", { body: failing() }))
      assert.strictEqual(error.reason._tag, "RequestBody")
      assert.include(error.message, "no more")
    }).pipe(over)
  )
})

describe("a response", () => {
  it.effect("is read as a form, urlencoded or multipart, as parameters of a URL, or as an ArrayBuffer", () =>
    Effect.gen(function* () {
      const http = yield* GreenHttp.make({ baseUrl: "http://app.test" })
      const urlencoded = yield* http.post("/", { form: { a: ["1", "2"], __proto__: "x" } })
      assert.deepStrictEqual(
        [...(yield* urlencoded.formData)],
        [
          ["a", "1"],
          ["a", "2"]
        ]
      )
      assert.deepStrictEqual((yield* urlencoded.urlParams).getAll("a"), ["1", "2"])
      const multipart = yield* http.post("/", { multipart: [{ name: "file", content: new File(["x"], "x.txt") }] })
      const file = (yield* multipart.formData).get("file")
      assert.strictEqual(file instanceof File ? file.name : file, "x.txt")
      const buffer = yield* urlencoded.arrayBuffer
      assert.strictEqual(Buffer.from(buffer).toString(), "a=1&a=2")
      const text = yield* http.post("/", { body: "text" })
      assert.strictEqual((yield* Effect.flip(text.formData)).reason._tag, "Decode")
    }).pipe(Effect.provide(echo))
  )

  it("is read in the same ways by promises", async () => {
    await using http = await GreenHttp.promises(echo, { baseUrl: "http://app.test" })
    const response = await http.post("/", { form: { a: "1" } })
    assert.strictEqual((await response.formData()).get("a"), "1")
    assert.strictEqual((await response.urlParams()).get("a"), "1")
    assert.strictEqual((await response.arrayBuffer()).byteLength, 3)
    assert.deepStrictEqual(response.trailers, Object.create(null))
  })

  it.live("that is let go while it is read fails who reads it, and is not taken for a short one", () =>
    Effect.gen(function* () {
      const server = yield* serve((_, response) => {
        response.setHeader("content-length", 8)
        response.write("half")
        setTimeout(() => response.end("half"), 20)
      })
      const slow = MemoryExchange.layer(() => new Response(new ReadableStream({ pull: () => new Promise(() => {}) })))
      for (const layer of [UndiciExchange.layer(), slow]) {
        yield* Effect.gen(function* () {
          const http = yield* GreenHttp.make({ baseUrl: server.url })
          const response = yield* http.get("/")
          const reading = yield* Effect.forkChild(response.bytes, { startImmediately: true })
          yield* response.discard
          const error = yield* Effect.flip(Fiber.join(reading))
          assert.deepStrictEqual(error.reason, { _tag: "Discarded" })
        }).pipe(Effect.scoped, Effect.provide(layer))
      }
    })
  )

  it.live("has its trailers after its body", () =>
    Effect.gen(function* () {
      const server = yield* serveRaw((socket) => {
        const lines = [
          "HTTP/1.1 200 OK",
          "Transfer-Encoding: chunked",
          "",
          "4",
          "body",
          "0",
          "X-Sum: 1",
          "x-sum: 2",
          "",
          ""
        ]
        socket.write(lines.join("\r\n"))
      })
      const http = yield* GreenHttp.make({ baseUrl: server.url })
      const response = yield* http.get("/")
      assert.strictEqual(yield* response.text, "body")
      assert.strictEqual(response.trailers["x-sum"], "1, 2")
    }).pipe(over)
  )
})
