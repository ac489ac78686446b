/**
 * Who tells that the epoll set has something: the one thing that differs from place to place.
 *
 * On Node's main thread it is libuv (`LoopWatcher`), in a worker thread of Node's the main thread (`WorkerWatcher`), and
 * on Bun and Deno a thread of their pool (`ThreadWatcher`).
 */
import { isMainThread } from "node:worker_threads"
import type * as Fd from "../Fd.ts"
import type { Libc } from "../internal/libc.ts"
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

const isNode = process.versions["bun"] === undefined && !("Deno" in globalThis)

/** Begins to watch, in the way of this place. */
export const start: (libc: Libc, watched: Watched) => Watcher = isNode
  ? isMainThread
    ? LoopWatcher.start
    : WorkerWatcher.start
  : ThreadWatcher.start
