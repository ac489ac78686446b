/**
 * HTTP sessions, straight-line, over an exchange that can be swapped.
 *
 * @since 0.1.0
 */
export * as Auth from "./Auth.ts"
export * as CassetteExchange from "./CassetteExchange.ts"
export * as CircuitBreaker from "./CircuitBreaker.ts"
export * as Cookies from "./Cookies.ts"
export * as GreenHttp from "./GreenHttp.ts"
export { HttpError } from "./HttpError.ts"
export { type Exchange, type ExchangeRequest, type ExchangeResponse, HttpExchange } from "./HttpExchange.ts"
export type { HttpResponse, ResponseHead } from "./HttpResponse.ts"
export * as MemoryExchange from "./MemoryExchange.ts"
export * as Multipart from "./Multipart.ts"
export * as Progress from "./Progress.ts"
export * as RateLimit from "./RateLimit.ts"
export * as UndiciExchange from "./UndiciExchange.ts"
export type { Upgrade, UpgradeRequest, UpgradeResponse } from "./Upgrade.ts"
export type { CloseStatus, Message, WebSocket, WebSocketOptions } from "./WebSocket.ts"
