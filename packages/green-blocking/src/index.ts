/**
 * Blocking synchronous code in worker threads that performs typed operations: the host's side.
 *
 * @since 0.1.0
 */
export type { Cloneable, Mistake, Movable } from "./Cloneable.ts"
export { move } from "./Cloneable.ts"
export * from "./green.ts"
export * from "./GreenWorkers.ts"
export * from "./JobError.ts"
export * from "./operations.ts"
export * as SharedReference from "./SharedReference.ts"
