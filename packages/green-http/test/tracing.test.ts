import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Tracer from "effect/Tracer"
import { GreenHttp, MemoryExchange } from "green-http"

describe("tracing", () => {
  const seen: Array<string | null> = []
  const app = MemoryExchange.layer((request) => {
    seen.push(request.headers.get("traceparent"))
    return request.url.includes("/old")
      ? new Response(null, { status: 302, headers: { location: "/new" } })
      : new Response("new")
  })

  it.effect("each exchange has a span in that of the caller, told to the server, without secrets", () =>
    Effect.gen(function* () {
      seen.length = 0
      const spans: Array<Tracer.Span> = []
      const tracer = Tracer.make({
        span: (options) => {
          const span = new Tracer.NativeSpan(options)
          spans.push(span)
          return span
        }
      })
      const http = yield* GreenHttp.make()
      yield* http
        .get("http://user:pass@app.test/old?token=secret")
        .pipe(Effect.withSpan("caller"), Effect.withTracer(tracer))
      const [caller, first, second] = spans
      assert.deepStrictEqual(
        spans.map(({ name }) => name),
        ["caller", "HTTP GET", "HTTP GET"]
      )
      assert.isTrue(first?.parent._tag === "Some" && first.parent.value.spanId === caller?.spanId)
      assert.deepStrictEqual(Object.fromEntries(first?.attributes ?? []), {
        "http.request.method": "GET",
        "url.full": "http://app.test/old",
        "server.address": "app.test",
        "server.port": 80,
        "http.response.status_code": 302
      })
      assert.deepStrictEqual(
        seen,
        [first, second].map((span) => `00-${span?.traceId}-${span?.spanId}-01`)
      )
    }).pipe(Effect.provide(app))
  )

  it.effect("without a tracer there are no spans, and nothing is told", () =>
    Effect.gen(function* () {
      seen.length = 0
      const http = yield* GreenHttp.make()
      yield* Effect.withSpan(http.get("http://app.test/new"), "caller")
      assert.deepStrictEqual(seen, [null])
    }).pipe(Effect.provide(app))
  )
})
