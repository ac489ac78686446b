/**
 * A span for each exchange, when there is a tracer; its context travels in the header `traceparent` (W3C Trace Context).
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Tracer from "effect/Tracer"
import type { HttpError } from "../HttpError.ts"
import type { Exchange, ExchangeRequest, ExchangeResponse } from "../HttpExchange.ts"
import * as Headers from "../HttpHeaders.ts"
import { targetOf } from "./target.ts"

/** The exchange; as it is if nobody looks: Effect's own tracer keeps spans that nobody sees. */
export const traced =
  (exchange: Exchange): Exchange =>
  (request) =>
    Effect.withFiber((fiber) =>
      Context.getOrUndefined(fiber.context, Tracer.Tracer) === undefined
        ? exchange(request)
        : withSpan(exchange, request, fiber.getRef(Tracer.DisablePropagation))
    )

/** Attributes as OpenTelemetry names them for HTTP clients. */
const withSpan = (
  exchange: Exchange,
  request: ExchangeRequest,
  isSecret: boolean
): Effect.Effect<ExchangeResponse, HttpError> => {
  const { method, url } = request
  const { host, port, shown } = targetOf(url)
  const attributes = {
    "http.request.method": method,
    "url.full": shown,
    "server.address": host,
    "server.port": port
  }
  return Effect.useSpan(`HTTP ${method}`, { kind: "client", attributes }, (span) => {
    const isOwn = isSecret || Headers.get(request.headers, "traceparent") !== undefined
    const traceparent = `00-${span.traceId}-${span.spanId}-0${span.sampled ? 1 : 0}`
    const sent = isOwn ? request : { ...request, headers: [...request.headers, "traceparent", traceparent] }
    return Effect.tap(exchange(sent), ({ status }) =>
      Effect.sync(() => span.attribute("http.response.status_code", status))
    )
  })
}
