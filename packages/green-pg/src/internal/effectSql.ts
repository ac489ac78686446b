/**
 * What green-pg takes of effect/sql, and of @effect/sql-pg's client, which are marked unstable: an upgrade is made here.
 */
export { makeCompiler, PgClient, type PgPoolConfig, TypeId as PgClientTypeId } from "@effect/sql-pg/PgClient"
export * as Reactivity from "effect/reactivity/Reactivity"
export * as SqlClient from "effect/sql/SqlClient"
export type { Connection } from "effect/sql/SqlConnection"
export * as SqlError from "effect/sql/SqlError"
export * as Statement from "effect/sql/Statement"
