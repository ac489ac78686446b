/**
 * Exchanges by undici: each is dispatched when it is its turn, and a `Reply` hears what becomes of it.
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { Readable } from "node:stream"
import type { HttpError } from "../../HttpError.ts"
import type { Exchange, ExchangeRequest, ExchangeResponse, RequestBody } from "../../HttpExchange.ts"
import { type Target, targetOf } from "../target.ts"
import { systemTimer, type Timer, timerOf } from "../timer.ts"
import type { Attempts } from "./Attempts.ts"
import type { Sender } from "./Cache.ts"
import { Reply } from "./Reply.ts"
import { Turns } from "./Turns.ts"

export const exchangeBy = (senderOf: (request: ExchangeRequest) => Sender, attempts: Attempts): Exchange => {
  const turns = new Turns((origin) => attempts.giveUp(origin))
  const exchange = (request: ExchangeRequest, timer: Timer) =>
    Effect.callback<ExchangeResponse, HttpError>((resume) => {
      const target = targetOf(request.url)
      const turn = turns.of(target.origin)
      const reply = new Reply(request, timer, turn, resume)
      turn.dispatch(() => {
        if (!reply.isOver) dispatch(senderOf(request), target, request, reply)
      })
      return Effect.sync(() => reply.abandon())
    })
  return (request) =>
    // Without time-outs only the rest of a body is timed that nobody wants.
    request.timeouts === undefined
      ? exchange(request, systemTimer)
      : Effect.withFiber((fiber) => exchange(request, timerOf(fiber)))
}

const dispatch = (sender: Sender, { origin, path }: Target, request: ExchangeRequest, reply: Reply): void => {
  const { body, headers, method } = request
  try {
    sender.dispatch(
      {
        origin,
        path,
        method,
        headers: lengthIsKnown(body) ? [...headers, "content-length", String(body.length)] : [...headers],
        body: bodyOf(body),
        headersTimeout: 0,
        bodyTimeout: 0
      },
      reply
    )
  } catch (cause) {
    reply.onResponseError(undefined, cause instanceof Error ? cause : new Error(String(cause)))
  }
}

const lengthIsKnown = (body: RequestBody | undefined): body is { readonly length: number } & RequestBody =>
  body !== undefined && !(body instanceof Uint8Array) && body.length !== undefined

const bodyOf = (body: RequestBody | undefined): Uint8Array | Readable | null => {
  if (body === undefined) return null
  if (body instanceof Uint8Array) return body
  const readable = Readable.from(Stream.toAsyncIterable(body.stream), { objectMode: false })
  // Over HTTP/2 undici destroys the body of a request that was let go when it does not listen to it any more.
  readable.on("error", () => {})
  return readable
}
