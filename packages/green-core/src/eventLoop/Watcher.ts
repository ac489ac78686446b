/**
 * Who tells that the epoll set has something: the one thing that differs from place to place.
 *
 * On Node's main thread it is libuv (`LoopWatcher`), on Bun's and Deno's a thread of their pool (`ThreadWatcher`). In a
 * worker thread it is the main thread (`WorkerWatcher`): a worker can be terminated, and whoever looked for it would go on
 * with memory that is gone.
 */
import { isMainThread } from "node:worker_threads"
import type * as Fd from "../Fd.ts"
import { type Libc, openSet } from "../internal/libc.ts"
import { isNode } from "../internal/place.ts"
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
  /** Its descriptor, as soon as there is one: within the call, or later. */
  readonly opened: (set: number) => void
  /** It is watched from now on, and may contain any descriptor that the kernel takes. */
  readonly watched: () => void
  /** Takes what is in it. Whether something may be left. Called where promises that it settles go on by themselves. */
  readonly deliver: () => boolean
  /** It is not watched any more, nor can be. */
  readonly failed: (reason: Fd.FdErrorReason) => void
}

/** Opens the set in this thread. */
const opening =
  (watch: (libc: Libc, set: number, watched: Watched) => Watcher, whenWatched: (call: () => void) => void) =>
  (libc: Libc, watched: Watched): Watcher | Fd.FdErrorReason => {
    const set = openSet(libc)
    if (typeof set !== "number") return set
    watched.opened(set)
    const watcher = watch(libc, set, watched)
    whenWatched(watched.watched)
    return watcher
  }

/** Opens a set and begins to watch it, in the way of this place. */
export const start: (libc: Libc, watched: Watched) => Watcher | Fd.FdErrorReason = isMainThread
  ? isNode
    ? opening(LoopWatcher.start, LoopWatcher.whenWatched)
    : opening(ThreadWatcher.start, setImmediate)
  : WorkerWatcher.start
