import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"
import { GreenHttp, MemoryExchange } from "green-http"
import * as ServerSentEvents from "green-http/ServerSentEvents"

const type = { "content-type": "text/event-stream; charset=utf-8" }
const session = GreenHttp.make({ baseUrl: "http://app.test" })

/** A body in pieces of one byte. */
const inBytes = (text: string) => {
  const bytes = new TextEncoder().encode(text)
  let at = 0
  return new ReadableStream<Uint8Array>({
    pull: (controller) => {
      if (at === bytes.length) controller.close()
      else controller.enqueue(bytes.slice(at, ++at))
    }
  })
}

describe("server-sent events", () => {
  it.effect("of a response, whatever pieces they come in", () =>
    Effect.gen(function* () {
      const http = yield* session
      const response = yield* http.get("/")
      assert.deepStrictEqual(yield* Stream.runCollect(ServerSentEvents.events(response)), [
        { event: "message", data: "grün\nline two", id: undefined },
        { event: "news", data: "x", id: "7" }
      ])
    }).pipe(
      Effect.provide(
        MemoryExchange.layer(
          () =>
            new Response(inBytes(": comment\ndata: grün\ndata: line two\n\nevent: news\r\nid: 7\r\ndata:x\r\n\r\n"), {
              headers: type
            })
        )
      )
    )
  )

  it.effect("of a URL: asked again from the last event on, after the time that the server says, until 204", () =>
    Effect.gen(function* () {
      const asked: Array<string | null> = []
      const app = MemoryExchange.layer((request) => {
        asked.push(request.headers.get("last-event-id"))
        if (asked.length === 1) return new Response("retry: 10000\nid: 1\ndata: a\n\n", { headers: type })
        if (asked.length === 2) throw new Error("hung up")
        if (asked.length === 3) return new Response("id: 2\ndata: b\n\ndata: c\n\n", { headers: type })
        return new Response(null, { status: 204 })
      })
      yield* Effect.gen(function* () {
        const http = yield* session
        const data: Array<string> = []
        const fiber = yield* Effect.forkChild(
          Stream.runForEach(ServerSentEvents.subscribe(http, "/"), (event) => Effect.sync(() => data.push(event.data)))
        )
        yield* TestClock.adjust("9 seconds")
        assert.strictEqual(asked.length, 1)
        yield* TestClock.adjust("1 minute")
        yield* Fiber.join(fiber)
        assert.deepStrictEqual(data, ["a", "b", "c"])
        assert.deepStrictEqual(asked, [null, "1", "1", "2"])
      }).pipe(Effect.provide(app))
    })
  )

  it.effect("an answer that is none ends in a failure", () =>
    Effect.gen(function* () {
      const http = yield* session
      const failed = (path: string) =>
        Effect.map(Effect.flip(Stream.runDrain(ServerSentEvents.subscribe(http, path))), ({ reason }) => reason._tag)
      assert.strictEqual(yield* failed("/page"), "Decode")
      assert.strictEqual(yield* failed("/missing"), "Status")
    }).pipe(
      Effect.provide(
        MemoryExchange.layer((request) =>
          request.url.endsWith("/page") ? new Response("<p>") : new Response(null, { status: 404 })
        )
      )
    )
  )
})
