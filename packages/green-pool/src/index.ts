/**
 * Pools of greenlets, and web applications that run in one.
 *
 * @since 0.1.0
 */
export type { Input } from "./Input.ts"
export * as GreenPool from "./GreenPool.ts"
export { PoolClosed, PoolFull, PoolOptionError, SourceError, TaskDropped } from "./PoolError.ts"
export * as RunInPool from "./RunInPool.ts"
