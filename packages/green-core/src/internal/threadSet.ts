/**
 * The set of a thread that blocks.
 *
 * A worker thread can be terminated between any two of its instructions, and no finalizer is run then. What `fs` has opened
 * in a worker thread, Node closes with it: so `fs` opens a descriptor there, and the set takes its place.
 */
import * as Fs from "node:fs"
import { isMainThread } from "node:worker_threads"
import * as Fd from "../Fd.ts"
import * as Sys from "./libc.ts"
import { isNode } from "./place.ts"

export interface ThreadSet {
  readonly fd: number
  readonly close: () => void
}

/** Opens it, or tells why there is none. */
export const open = (libc: Sys.Libc): ThreadSet | Fd.FdErrorReason => {
  const place = isNode && !isMainThread ? openPlace() : undefined
  const { close, dup3, epollCreate } = libc
  if (place === undefined || dup3 === undefined) {
    const fd = Sys.openSet(libc)
    return typeof fd === "number" ? { fd, close: () => void close(fd) } : fd
  }
  // A termination is seen where a function of JavaScript begins: not before the set has taken its place.
  const set = epollCreate(Sys.EPOLL_CLOEXEC)
  const moved = set < 0 ? set : dup3(set, place, Sys.EPOLL_CLOEXEC)
  if (set >= 0) close(set)
  if (moved >= 0) return { fd: place, close: () => closePlace(place) }
  const { reason } = Fd.system(undefined, "epoll_create1", libc.errno())
  closePlace(place)
  return reason
}

/** Nothing when no descriptor is left, which opening the set will tell, or when `fs` is not permitted. */
const openPlace = (): number | undefined => {
  try {
    return Fs.openSync("/dev/null", "r")
  } catch {
    return undefined
  }
}

const closePlace = (place: number): void => {
  try {
    Fs.closeSync(place)
  } catch {
    // Somebody else has closed it.
  }
}
