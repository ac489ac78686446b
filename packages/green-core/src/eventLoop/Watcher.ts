/**
 * Who tells that the epoll set has something: the one thing that differs from runtime to runtime.
 *
 * On Node's main thread it is libuv, by koffi. The callback runs outside of Node's callback scope: promises that it
 * settles would wait for an unrelated event. So `EventLoop` does nothing in it but `setImmediate`.
 */
import { isMainThread } from "node:worker_threads"
import { type Libc, type Missing, isMissing, libc } from "../internal/libc.ts"

/** Watches one descriptor until the process ends. */
export interface Watcher {
  /** Keeps the process alive. */
  readonly ref: () => void
  /** Lets the process end. */
  readonly unref: () => void
}

export interface Watch {
  readonly libc: Libc
  /** Calls `onReadable` in every turn of the loop in which the descriptor is readable. */
  readonly start: (fd: number, onReadable: () => void) => Watcher
}

/** The way to watch in this place, or why there is none. */
export const find = (): Watch | Missing => {
  if (process.versions["bun"] !== undefined || "Deno" in globalThis) {
    return {
      platform: process.versions["bun"] === undefined ? "deno" : "bun",
      problem: "its loop cannot be asked to watch a descriptor; use Node, or Green.runSync"
    }
  }
  if (!isMainThread) {
    return {
      platform: "a worker thread",
      problem: "ending the worker while descriptors are watched would abort the process; use Green.runSync in it"
    }
  }
  const system = libc()
  if (isMissing(system)) return system
  return {
    libc: system,
    start: (fd, onReadable) => {
      // Whatever the status is, reading the set tells the truth.
      const handle = system.koffi.node.poll(fd, { readable: true }, onReadable)
      handle.unref()
      return { ref: () => handle.ref(), unref: () => handle.unref() }
    }
  }
}
