/**
 * What a Fetch client takes and gives, for a session: bodies of its kinds, and the response as its own.
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { toPairs, without } from "../HttpHeaders.ts"
import type { HttpResponse } from "../HttpResponse.ts"
import type { BodyOptions } from "./body/RequestBodies.ts"

/** What a Fetch client would take as it is: text, bytes, a form, a Blob or a stream. */
export const rawBody = (body: unknown): BodyOptions => {
  if (typeof body === "string" || body instanceof Uint8Array || body instanceof Blob) return { body }
  if (body instanceof URLSearchParams) return { form: body }
  if (body instanceof FormData) return { multipart: body }
  if (body instanceof ReadableStream) return { body }
  return { body: Stream.fail(new TypeError(`a body of this kind cannot be sent: ${String(body)}`)) }
}

const withoutBody = new Set([101, 103, 204, 205, 304])

/** The body is pulled as the other side reads; it is discarded when that cancels, or the client aborts. */
export const toWeb = (response: HttpResponse, signal: AbortSignal): Response => {
  const { rawHeaders, status, statusText } = response
  // The body is as it was before it was compressed.
  const headers = toPairs(response.decoded ? without(rawHeaders, "content-encoding", "content-length") : rawHeaders)
  const discard = () => Effect.runFork(response.discard)
  signal.addEventListener("abort", discard, { once: true })
  const body = withoutBody.has(status) || response.method === "HEAD" ? null : Stream.toReadableStream(response.stream)
  return new Response(body, { status, statusText, headers })
}
