/**
 * Who tells that the epoll set has something: the one thing that differs from place to place.
 *
 * On Node's main thread it is libuv (`LoopWatcher`), in a worker thread of Node's the main thread (`WorkerWatcher`), and
 * on Bun and Deno a thread of their pool (`ThreadWatcher`).
 */
import { isMainThread } from "node:worker_threads"
import type * as Fd from "../Fd.ts"
import { type Libc, type Missing, isMissing, libc } from "../internal/libc.ts"
import * as LoopWatcher from "./LoopWatcher.ts"
import * as ThreadWatcher from "./ThreadWatcher.ts"
import * as WorkerWatcher from "./WorkerWatcher.ts"

/** Watches one set. */
export interface Watcher {
  /** Keeps the thread alive. */
  readonly ref: () => void
  /** Lets it end. */
  readonly unref: () => void
}

/** Whose set is watched. */
export interface Watched {
  /** The descriptor of the set. */
  readonly fd: number
  /** Takes what is in it. Whether something may be left. Called where promises that it settles go on by themselves. */
  readonly deliver: () => boolean
  /** It is not watched any more, nor can be. */
  readonly failed: (reason: Fd.FdErrorReason) => void
}

export interface Watch {
  readonly libc: Libc
  readonly start: (libc: Libc, watched: Watched) => Watcher
}

const isNode = process.versions["bun"] === undefined && !("Deno" in globalThis)

const start = isNode ? (isMainThread ? LoopWatcher.start : WorkerWatcher.start) : ThreadWatcher.start

/** The way to watch in this place, or why there is none. */
export const find = (): Watch | Missing => {
  const system = libc()
  if (isMissing(system)) return system
  return { libc: system, start }
}
