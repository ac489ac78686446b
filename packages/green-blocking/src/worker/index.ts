/**
 * Blocking synchronous code that performs typed operations: the worker's side, for the files of jobs.
 *
 * @since 0.1.0
 */
export * from "./perform.ts"
export * from "./PerformError.ts"
export * from "./performed.ts"
export * from "./performing.ts"
export * as SharedReference from "../SharedReference.ts"
