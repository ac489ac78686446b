/**
 * Tests of blocking code.
 *
 * @since 0.1.0
 */
export * as InThread from "./InThread.ts"
export * from "./sameModule.ts"
