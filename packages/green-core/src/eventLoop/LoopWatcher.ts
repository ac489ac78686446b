/**
 * The loop of Node's main thread watches a set: libuv does, asked by koffi.
 *
 * Not in a worker thread: a thread that is terminated while the set is ready aborts the process.
 */
import type { Libc } from "../internal/libc.ts"
import type { Watched, Watcher } from "./Watcher.ts"

export const start = ({ koffi }: Libc, fd: number, { deliver }: Pick<Watched, "deliver">): Watcher => {
  let scheduled = false
  const turn = (): void => {
    scheduled = false
    // What is left is told again in the next turn.
    deliver()
  }
  // Whatever the status is, reading the set tells the truth. It is called outside of Node's callback scope: promises that
  // it settled would wait for an unrelated event.
  const handle = koffi.node.poll(fd, { readable: true }, () => {
    if (scheduled) return
    scheduled = true
    setImmediate(turn)
  })
  handle.unref()
  return { ref: () => handle.ref(), unref: () => handle.unref() }
}

/**
 * Calls when the loop watches all that it was asked to by now. It begins where it next looks for input: a turn that is
 * in the middle of that looks no more, so it is the turn after.
 */
export const whenWatched = (call: () => void): void => {
  setImmediate(() => setImmediate(call))
}
