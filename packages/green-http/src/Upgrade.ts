/**
 * The second operation of an exchange, which not every handler has: a request for the connection itself, to speak another
 * protocol on it (RFC 9110, 7.8).
 *
 * It has no policy either, and knows nothing of the other protocol: a WebSocket is written above it, in `WebSocket`.
 *
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Duplex } from "node:stream"
import type { HttpError } from "./HttpError.ts"
import type { ExchangeRequest, ExchangeResponse } from "./HttpExchange.ts"

/**
 * A request, without a body, to switch to another protocol. The handler sends the fields Connection and Upgrade.
 *
 * @category models
 * @since 0.1.0
 */
export interface UpgradeRequest extends ExchangeRequest {
  /** As it is in the field Upgrade: `"websocket"`. */
  readonly protocol: string
}

/**
 * What came of it. The connection is there if the status is 101; any other response is an ordinary one.
 *
 * @category models
 * @since 0.1.0
 */
export interface UpgradeResponse extends ExchangeResponse {
  /** From its first byte on. Whoever takes it listens for its `close`; errors need no listener. */
  readonly connection?: Duplex
}

/**
 * Performs one upgrade. The connection is destroyed with the scope; interrupted before there is one, it lets go at once.
 *
 * @category models
 * @since 0.1.0
 */
export type Upgrade = (request: UpgradeRequest) => Effect.Effect<UpgradeResponse, HttpError, Scope.Scope>
