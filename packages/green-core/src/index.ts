/**
 * Waiting as an operation: `wait` and `waitFd`, their handlers, and greenlets.
 *
 * @since 0.1.0
 */
export * as Fd from "./Fd.ts"
export { FdError } from "./Fd.ts"
export { FdIo, WouldBlock } from "./FdIo.ts"
export * as Green from "./Green.ts"
export * as Handler from "./Handler.ts"
export type { Lease } from "./Lease.ts"
export { Wait, WaitError, wait } from "./Wait.ts"
export { WaitFd, waitFd } from "./WaitFd.ts"
