/**
 * PostgreSQL through libpq and `waitFd`.
 *
 * @since 0.1.0
 */
export type { ConnectOptions } from "./ConnectOptions.ts"
export * as GreenPg from "./GreenPg.ts"
export { Libpq } from "./Libpq.ts"
export { PgConnection, type PgConnectionOptions, type PgConnectionShape } from "./PgConnection.ts"
export { PgError, type PgErrorReason, type ServerMessage } from "./PgError.ts"
export { PgPool, type PgPoolOptions, type PgPoolShape } from "./PgPool.ts"
export * as PgRange from "./PgRange.ts"
export type { PgResult, PgStatement, Row } from "./PgResult.ts"
export * as PgTypes from "./PgTypes.ts"
