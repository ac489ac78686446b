/**
 * The handlers, assembled: what an application provides.
 *
 * @since 0.1.0
 */
import * as Layer from "effect/Layer"
import * as EventLoopFdIo from "./eventLoop/EventLoopFdIo.ts"
import * as EventLoopWait from "./eventLoop/EventLoopWait.ts"
import * as EventLoopWaitFd from "./eventLoop/EventLoopWaitFd.ts"
import type { FdIo } from "./FdIo.ts"
import type { Wait } from "./Wait.ts"
import type { WaitFd } from "./WaitFd.ts"

/**
 * The event loop: `wait` suspends the fiber until the promise is settled, `waitFd` until the loop sees the descriptor
 * ready. The process stays up while somebody waits, and ends by itself after.
 *
 * Waiting for descriptors needs Linux and the main thread of Node; elsewhere `waitFd` fails `Unsupported` and `wait`
 * goes on working.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer: Layer.Layer<Wait | WaitFd | FdIo> = Layer.mergeAll(
  EventLoopWait.layer,
  EventLoopWaitFd.layer,
  EventLoopFdIo.layer
)
