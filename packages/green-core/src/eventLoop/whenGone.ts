/**
 * When a thread has ended, by what the kernel says. For Deno, which does not tell when a worker thread was terminated; Node
 * and Bun close its port.
 */
import type { ThreadCalls } from "../internal/libc.ts"

/** How often the kernel is asked, in milliseconds. */
const period = 250

/** Calls once, some time after the thread has ended. Keeps no process. */
export const whenGone = ({ isAlive }: ThreadCalls, thread: number, call: () => void): void => {
  const timer = setInterval(() => {
    if (isAlive(thread)) return
    clearInterval(timer)
    call()
  }, period)
  timer.unref()
}
