/** Bodies of several parts. The platform's own parser says what a server understands. */
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { GreenHttp, UndiciExchange } from "green-http"
import type * as Multipart from "green-http/Multipart"
import * as Fs from "node:fs"
import { type IncomingMessage } from "node:http"
import * as Path from "node:path"
import { expectTypeOf } from "vitest"
import { directory } from "./support/directory.ts"
import { serve } from "./support/server.ts"

const over = Effect.provide(UndiciExchange.layer())

interface Received {
  readonly length: string | undefined
  readonly size: number
  readonly text: string
  readonly form: FormData
}

const receive = async (request: IncomingMessage): Promise<Received> => {
  const chunks: Array<Uint8Array> = []
  for await (const chunk of request) chunks.push(chunk)
  const bytes = new Uint8Array(Buffer.concat(chunks))
  const headers = { "content-type": request.headers["content-type"] ?? "" }
  return {
    length: request.headers["content-length"],
    size: bytes.byteLength,
    text: Buffer.from(bytes).toString(),
    form: await new Response(bytes, { headers }).formData()
  }
}

/** A session whose server tells what it was sent. */
const sending = Effect.gen(function* () {
  const received: Array<Received> = []
  const server = yield* serve(async (request, response) => {
    received.push(await receive(request))
    response.end()
  })
  const http = yield* GreenHttp.make({ baseUrl: server.url })
  return (multipart: FormData | Iterable<Multipart.Part>) =>
    Effect.map(http.post("/", { multipart }), () => {
      const last = received.at(-1)
      assert.isDefined(last)
      return last
    })
})

const contentsOf = (form: FormData) =>
  Promise.all(
    [...form].map(async ([name, value]) =>
      typeof value === "string" ? [name, value] : [name, value.name, value.type, await value.text()]
    )
  )

const openFiles = () =>
  Fs.readdirSync("/proc/self/fd").flatMap((fd) => {
    try {
      return [Fs.readlinkSync(`/proc/self/fd/${fd}`)]
    } catch {
      return []
    }
  })

describe("multipart", () => {
  it.live("sends fields and files: text, bytes, Blobs, streams and files by their path, with its length", () =>
    Effect.gen(function* () {
      const send = yield* sending
      const path = Path.join(yield* directory, "report.csv")
      const large = "0123456789".repeat(20_000)
      Fs.writeFileSync(path, large)
      const headers = { "X-Note": "ok" }
      const { form, length, size, text } = yield* send([
        { name: "field", content: "grün" },
        { name: "text", filename: "a.txt", content: "text" },
        { name: "bytes", filename: "b.bin", content: new Uint8Array([65, 66]) },
        { name: "blob", content: new Blob(["blob"]), headers },
        { name: "file", content: new File(["file"], "own.html", { type: "text/html" }) },
        { name: "stream", filename: "s", type: "text/x-own", content: Stream.make(new Uint8Array([67])), length: 1 },
        { name: "path", content: { path } }
      ])
      assert.strictEqual(length, String(size))
      assert.include(text, "\r\nX-Note: ok\r\n")
      assert.deepStrictEqual(yield* Effect.promise(() => contentsOf(form)), [
        ["field", "grün"],
        ["text", "a.txt", "text/plain;charset=utf-8", "text"],
        ["bytes", "b.bin", "application/octet-stream", "AB"],
        ["blob", "blob", "application/octet-stream", "blob"],
        ["file", "own.html", "text/html", "file"],
        ["stream", "s", "text/x-own", "C"],
        ["path", "report.csv", "application/octet-stream", large]
      ])
    }).pipe(over)
  )

  it.live("of a FormData is what the platform sends, with its length", () =>
    Effect.gen(function* () {
      const send = yield* sending
      const form = new FormData()
      form.append('na"me\n', "one\ntwo\rthree\r\n")
      form.append("file", new File(["one\ntwo"], 'x"\n.txt', { type: "text/plain" }))
      form.append("file", new Blob(["blob"]))
      const sent = yield* send(form)
      const theirs = yield* Effect.promise(() => new Response(form).text())
      const boundary = /^--(\S+)/.exec(theirs)?.[1] ?? ""
      const ours = /^--(\S+)/.exec(sent.text)?.[1] ?? ""
      // Older platforms leave out the last line break.
      assert.strictEqual(sent.text, `${theirs.trimEnd()}\r\n`.replaceAll(boundary, ours))
      assert.strictEqual(sent.length, String(sent.size))
      assert.deepStrictEqual(
        yield* Effect.promise(() => contentsOf(sent.form)),
        yield* Effect.promise(async () => contentsOf(await new Response(form).formData()))
      )
    }).pipe(over)
  )

  it.live("without the length of a stream is sent in chunks", () =>
    Effect.gen(function* () {
      const send = yield* sending
      async function* generated() {
        yield "gr"
        yield new TextEncoder().encode("ün")
      }
      const { form, length } = yield* send([{ name: "a", content: generated() }])
      assert.isUndefined(length)
      assert.deepStrictEqual(yield* Effect.promise(() => contentsOf(form)), [["a", "grün"]])
    }).pipe(over)
  )

  const Name = Schema.Array(
    Schema.Literals(['"', "\r", "\n", "\\", "%", "'", ";", "=", " ", "ü", "€", "𝄞", "a", "B", "0", "--", "__proto__"])
  )
  const Parts = Schema.Array(
    Schema.Struct({ name: Name, filename: Schema.UndefinedOr(Name), content: Schema.Array(Schema.Int) })
  )
  /** A percent sign is not escaped: who writes an escape by himself is read as having meant it. */
  const asRead = (name: string) => name.replace(/%0a/gi, "\n").replace(/%0d/gi, "\r").replace(/%22/g, '"')

  it.live.prop(
    "with any names, filenames and contents is understood as it was said",
    [Parts],
    ([parts]) =>
      Effect.gen(function* () {
        const send = yield* sending
        const said = parts.map(({ content, filename, name }) => ({
          name: name.join(""),
          filename: filename?.join(""),
          content: content.map((code) => String.fromCodePoint(Math.abs(code) % 0xd800)).join("")
        }))
        const { form, length, size } = yield* send(
          said.map(({ content, filename, name }, index) => ({
            name,
            ...(filename === undefined ? {} : { filename }),
            content:
              [content, new TextEncoder().encode(content), new Blob([content])][
                filename === undefined ? 0 : index % 3
              ] ?? ""
          }))
        )
        assert.strictEqual(length, String(size))
        const understood = yield* Effect.promise(() => contentsOf(form))
        assert.deepStrictEqual(
          understood.map(([name, ...rest]) => (rest.length === 1 ? [name, rest[0]] : [name, rest[0], rest[2]])),
          // A byte order mark is not part of a text.
          said.map(({ content, filename, name }) => {
            const text = content.replace(/^\ufeff/, "")
            return filename === undefined ? [asRead(name), text] : [asRead(name), asRead(filename), text]
          })
        )
      }).pipe(Effect.scoped, over),
    { arbitrary: { runs: 100 } }
  )

  it.live("whose file is not there, or is none, fails before anything is sent", () =>
    Effect.gen(function* () {
      let connections = 0
      const server = yield* serve((_, response) => {
        connections++
        response.end()
      })
      const http = yield* GreenHttp.make({ baseUrl: server.url })
      const here = yield* directory
      for (const path of [Path.join(here, "missing"), here]) {
        const parts = [{ name: "file", content: { path } }]
        const error = yield* Effect.flip(http.post("/", { multipart: parts }))
        assert.strictEqual(error.reason._tag, "RequestBody")
        assert.include(error.message, path)
        assert.strictEqual((yield* Effect.flip(http.put("/", { body: { path } }))).reason._tag, "RequestBody")
      }
      assert.strictEqual(connections, 0)
    }).pipe(over)
  )

  it.live("whose stream is shorter or longer than its length fails, and so does a header that cannot be sent", () =>
    Effect.gen(function* () {
      const server = yield* serve((request, response) => request.resume().on("end", () => response.end()))
      const http = yield* GreenHttp.make({ baseUrl: server.url })
      const content = Stream.make(new Uint8Array(10), new Uint8Array(10))
      for (const length of [19, 21]) {
        const parts = [{ name: "stream", content, length }]
        for (const options of [
          { multipart: parts },
          { body: content, length }
        ] satisfies Array<GreenHttp.RequestOptions>) {
          const error = yield* Effect.flip(http.post("/", options))
          assert.strictEqual(error.reason._tag, "RequestBody")
          assert.include(error.message, `its length, ${length}`)
        }
      }
      const wrong: ReadonlyArray<Partial<Multipart.PartHead>> = [
        { type: "a\r\nb: c" },
        { headers: { "a b": "c" } },
        { headers: { "Content-Disposition": "attachment" } }
      ]
      for (const head of wrong) {
        const error = yield* Effect.flip(http.post("/", { multipart: [{ name: "a", content: "b", ...head }] }))
        assert.strictEqual(error.reason._tag, "InvalidRequest", JSON.stringify(head))
      }
    }).pipe(over)
  )

  it.live("opens a file as it is sent, and closes it when the request is interrupted", () =>
    Effect.gen(function* () {
      const sockets: Array<IncomingMessage> = []
      const begun = yield* Deferred.make<void>()
      const server = yield* serve((request) => {
        // The head, and no more than the kernel takes.
        sockets.push(request.pause())
        Deferred.doneUnsafe(begun, Effect.void)
      })
      const http = yield* GreenHttp.make({ baseUrl: server.url })
      const here = yield* directory
      const paths = ["first", "second"].map((name) => Path.join(here, name))
      for (const path of paths) Fs.writeFileSync(path, new Uint8Array(32 * 2 ** 20))
      const multipart = paths.map((path) => ({ name: Path.basename(path), content: { path } }))
      const fiber = yield* Effect.forkChild(http.post("/", { multipart }))
      yield* Deferred.await(begun)
      yield* Effect.repeat(Effect.sleep(5), { until: () => openFiles().includes(paths[0] ?? "") })
      assert.notInclude(openFiles(), paths[1])
      yield* Fiber.interrupt(fiber)
      yield* Effect.repeat(Effect.sleep(5), { until: () => !openFiles().includes(paths[0] ?? "") })
    }).pipe(over)
  )

  it.live("of files and Blobs is sent again when it is redirected or retried; with a stream it is not", () =>
    Effect.gen(function* () {
      const texts: Array<ReadonlyArray<unknown>> = []
      let refused = 0
      const server = yield* serve(async (request, response) => {
        const { form } = await receive(request)
        texts.push([request.url, ...(await contentsOf(form)).map((part) => part.at(-1))])
        if (request.url === "/moved") response.writeHead(307, { location: "/here" }).end()
        else if (request.url === "/busy" && refused++ === 0) response.writeHead(503).end()
        else response.end("taken")
      })
      const http = yield* GreenHttp.make({ baseUrl: server.url, retry: {} })
      const path = Path.join(yield* directory, "file")
      Fs.writeFileSync(path, "file")
      const multipart = [
        { name: "path", content: { path } },
        { name: "blob", content: new Blob(["blob"]) },
        { name: "text", content: "text" }
      ]
      assert.strictEqual((yield* http.put("/moved", { multipart })).status, 200)
      assert.strictEqual((yield* http.put("/busy", { multipart })).status, 200)
      const stream = [{ name: "stream", content: Stream.make(new Uint8Array([65])) }]
      assert.strictEqual((yield* http.put("/moved", { multipart: stream })).status, 307)
      assert.deepStrictEqual(texts, [
        ["/moved", "file", "blob", "text"],
        ["/here", "file", "blob", "text"],
        ["/busy", "file", "blob", "text"],
        ["/busy", "file", "blob", "text"],
        ["/moved", "A"]
      ])
    }).pipe(over)
  )

  it("takes the length of streams, and of nothing else", () => {
    expectTypeOf<{ name: string; content: Stream.Stream<Uint8Array>; length: number }>().toExtend<Multipart.Part>()
    expectTypeOf<{ name: string; content: string; length: number }>().not.toExtend<Multipart.Part>()
  })
})
