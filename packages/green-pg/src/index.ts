/**
 * PostgreSQL through libpq and `waitFd`.
 *
 * @since 0.1.0
 */
export * as PgRange from "./PgRange.ts"
export * as PgTypes from "./PgTypes.ts"
