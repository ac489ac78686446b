/**
 * The handshake of a WebSocket (RFC 6455, 4): a GET that is upgraded, and what has to be true of the answer.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { createHash, randomBytes } from "node:crypto"
import type { Duplex } from "node:stream"
import { failure, type HttpError } from "../../HttpError.ts"
import type { ExchangeRequest, ExchangeResponse, RawHeaders } from "../../HttpExchange.ts"
import * as Headers from "../../HttpHeaders.ts"
import type { Upgrade } from "../../Upgrade.ts"

/** An answer; with the connection, if the server has agreed. */
export interface Answer {
  readonly response: ExchangeResponse
  readonly agreed: { readonly socket: Duplex; readonly protocol: string | undefined } | undefined
}

/** Shakes hands once: with a key of its own, and over whatever the request says of it. */
export const shakeHands = (
  upgrade: Upgrade,
  request: ExchangeRequest,
  protocols: ReadonlyArray<string>
): Effect.Effect<Answer, HttpError, Scope.Scope> =>
  Effect.suspend(() => {
    const key = randomBytes(16).toString("base64")
    const headers = Headers.merge(request.headers, [
      "sec-websocket-version",
      "13",
      "sec-websocket-key",
      key,
      ...(protocols.length === 0 ? [] : ["sec-websocket-protocol", protocols.join(", ")])
    ])
    const asked = { ...request, headers, protocol: "websocket" }
    return Effect.flatMap(upgrade(asked), (response): Effect.Effect<Answer, HttpError> => {
      const { connection } = response
      if (connection === undefined) return Effect.succeed({ response, agreed: undefined })
      const problem = unfit(response.headers, key, protocols)
      if (problem !== undefined) {
        return Effect.fail(failure(request, { _tag: "Protocol", code: "WEBSOCKET_HANDSHAKE", problem }))
      }
      const protocol = Headers.get(response.headers, "sec-websocket-protocol")
      return Effect.succeed({ response, agreed: { socket: connection, protocol } })
    })
  })

/** Why subprotocols cannot be offered. */
export const unofferable = (protocols: ReadonlyArray<string>): string | undefined => {
  const wrong = protocols.find((protocol) => !Headers.isToken(protocol))
  if (wrong !== undefined) return `${JSON.stringify(wrong)} is no name of a subprotocol`
  const seen = new Set(protocols.map((protocol) => protocol.toLowerCase()))
  return seen.size < protocols.length ? "a subprotocol is offered twice" : undefined
}

/** Why an answer that says 101 does not open a WebSocket. */
const unfit = (headers: RawHeaders, key: string, protocols: ReadonlyArray<string>): string | undefined => {
  if (Headers.get(headers, "upgrade")?.trim().toLowerCase() !== "websocket") return "it was upgraded to something else"
  const accept = createHash("sha1").update(key).update("258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest("base64")
  if (Headers.get(headers, "sec-websocket-accept")?.trim() !== accept) return "the server has not seen the key"
  if (Headers.get(headers, "sec-websocket-extensions") !== undefined)
    return "an extension was agreed on, and none was offered"
  const protocol = Headers.get(headers, "sec-websocket-protocol")
  if (protocol === undefined) return protocols.length === 0 ? undefined : "the server has taken no subprotocol"
  return protocols.includes(protocol) ? undefined : "the server has taken a subprotocol that was not offered"
}
