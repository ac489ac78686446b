/**
 * The same GET, fifty on the way, with a tracer that keeps the last spans as an exporter does, against without: a span of
 * the caller, and one of ours for each exchange.
 */
import * as Effect from "effect/Effect"
import * as Tracer from "effect/Tracer"
import { fibers } from "../concurrently.ts"
import type { Measure, Scale } from "../harness.ts"
import { server, session } from "./clients.ts"
import { measured, row } from "./slices.ts"

/** So many spans wait to be exported. */
const kept = 1024

const makeTracer = (): Tracer.Tracer => {
  const spans = new Array<Tracer.Span>(kept)
  let next = 0
  return Tracer.make({
    span: (options) => {
      const span = new Tracer.NativeSpan(options)
      spans[next++ % kept] = span
      return span
    }
  })
}

const rows = Effect.fnUntraced(function* (scale: Scale) {
  const url = yield* server("small")
  const http = yield* session()
  const get = Effect.flatMap(http.get(url), ({ bytes }) => bytes)

  const plain = fibers("without", get)
  const traced = fibers("with a tracer", Effect.withTracer(get, makeTracer()))
  const result = yield* Effect.promise(() =>
    measured(scale, { requests: scale.count(8_000), concurrency: 50, rounds: 11 }, [traced, plain])
  )
  const target = { relation: "<=", must: 1.5, aim: 1.3 } as const
  return [row("CPU per request", "GET with a tracer", result(traced), result(plain), target)]
})

export const measure: Measure = (scale) => Effect.runPromise(Effect.scoped(rows(scale)))
