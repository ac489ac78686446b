/**
 * The main thread watches the set of a worker thread, and rings when it has something. The worker registers in its set
 * and takes from it by itself: what crosses is one message for all that is ready.
 *
 * The loop of the worker watches nothing, so it can be terminated at any time. Nor does it open anything: a thread can
 * end between any two of its instructions, and the number of what it has opened with it. The main thread opens the set,
 * gives the number away, and closes it when the worker has ended.
 */
import { MessageChannel, postMessageToThread } from "node:worker_threads"
import type * as Fd from "../Fd.ts"
import type { Libc } from "../internal/libc.ts"
import { doorbell, type FromMain, type WatchSet } from "./relayed.ts"
import type { Watched, Watcher } from "./Watcher.ts"

const mainThread = 0

export const start = (libc: Libc, { deliver, failed, opened, watched }: Watched): Watcher => {
  const { port1: port, port2 } = new MessageChannel()
  let scheduled = false
  const schedule = (): void => {
    if (scheduled) return
    scheduled = true
    setImmediate(turn)
  }
  const turn = (): void => {
    scheduled = false
    // It rings once for what is new: what is left is for us to remember.
    if (deliver()) schedule()
  }
  const fail = (reason: Fd.FdErrorReason): void => {
    port.close()
    failed(reason)
  }
  port.on("message", (message: FromMain) => {
    // Not at once: a port gives a thousand messages before timers have their turn.
    if (message === doorbell) schedule()
    else if ("set" in message) {
      opened(message.set)
      watched()
    } else fail(message)
  })
  port.unref()
  const ask: WatchSet = { "green-core/watch": 2, port: port2, thread: libc.threads?.current() }
  postMessageToThread(mainThread, ask, [port2]).catch(() => fail(notHeard))
  return { ref: () => port.ref(), unref: () => port.unref() }
}

const notHeard: Fd.FdErrorReason = {
  _tag: "Unsupported",
  platform: "a worker thread",
  problem:
    "the main thread watches descriptors for its workers, and has not loaded green-core: " +
    'put import "green-core" into its program, or use Green.runSync in the worker'
}
