/**
 * What tests of programs that use PostgreSQL need.
 *
 * @since 0.1.0
 */
export { PostgresServer, type PostgresServerOptions, type PostgresServerTls, type StopMode } from "./PostgresServer.ts"
export { PostgresServerError, type PostgresServerErrorReason } from "./PostgresServerError.ts"
export * as ScriptedLibpq from "./ScriptedLibpq.ts"
