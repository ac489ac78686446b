/**
 * Exchanges by undici: each is dispatched when it is its turn, and a `Reply` hears what becomes of it.
 */
import * as Effect from "effect/Effect"
import type { HttpError } from "../../HttpError.ts"
import type { Exchange, ExchangeRequest, ExchangeResponse } from "../../HttpExchange.ts"
import { get } from "../../HttpHeaders.ts"
import { outgoing } from "../body/outgoing.ts"
import { type Target, targetOf } from "../target.ts"
import { systemTimer, type Timer, timerOf } from "../timer.ts"
import type { Sender } from "./Cache.ts"
import { Reply } from "./Reply.ts"
import type { Turns } from "./Turns.ts"
import { Upload } from "./Upload.ts"

export const exchangeBy = (senderOf: (request: ExchangeRequest) => Sender, turns: Turns): Exchange => {
  const exchange = (request: ExchangeRequest, timer: Timer) =>
    Effect.callback<ExchangeResponse, HttpError>((resume) => {
      const { body } = request
      const target = targetOf(request.url)
      const turn = turns.of(target.origin)
      const upload =
        body === undefined || body instanceof Uint8Array ? undefined : new Upload(outgoing(request, body), turn)
      const reply = new Reply(request, timer, upload ?? turn, resume)
      turn.dispatch(() => {
        if (!reply.isOver) dispatch(senderOf(request), target, request, upload, reply)
      })
      return Effect.sync(() => reply.abandon())
    })
  return (request) =>
    // Without time-outs only the rest of a body is timed that nobody wants.
    request.timeouts === undefined
      ? exchange(request, systemTimer)
      : Effect.withFiber((fiber) => exchange(request, timerOf(fiber)))
}

const dispatch = (
  sender: Sender,
  { origin, path }: Target,
  request: ExchangeRequest,
  upload: Upload | undefined,
  reply: Reply
): void => {
  const { body, headers, method } = request
  const options = {
    origin,
    path,
    method,
    headers: lengthIsToBeTold(request) ? [...headers, "content-length", String(request.body.length)] : [...headers],
    body: body instanceof Uint8Array ? body : null,
    headersTimeout: 0,
    bodyTimeout: 0
  }
  try {
    sender.dispatch(upload === undefined ? options : Object.assign(options, { body: upload }), reply)
  } catch (cause) {
    reply.onResponseError(undefined, cause instanceof Error ? cause : new Error(String(cause)))
  }
}

/** undici tells that of bytes, and nobody that which the caller tells. */
const lengthIsToBeTold = (
  request: ExchangeRequest
): request is ExchangeRequest & { readonly body: { readonly length: number } } =>
  request.body !== undefined &&
  !(request.body instanceof Uint8Array) &&
  request.body.length !== undefined &&
  get(request.headers, "content-length") === undefined
