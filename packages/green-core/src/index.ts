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
export * as FdStream from "./FdStream.ts"
export * as Greenlet from "./Greenlet.ts"
export * as GreenLocal from "./GreenLocal.ts"
export { LockError } from "./GreenLock.ts"
export * as GreenLock from "./GreenLock.ts"
export * as GreenTask from "./GreenTask.ts"
export * as Protocol from "./Protocol.ts"
export type { WaitFdAccount, WaitFdClause, WaitFdHandler, WaitFdRequest, WaitFdStatistics } from "./WaitFdHandler.ts"
export * as WaitPoll from "./WaitPoll.ts"
export { waitPoll } from "./WaitPoll.ts"
