/**
 * The values that are to be moved to another thread, not copied, when they are next sent from this one.
 *
 * `move` marks them; the walk over what is to be posted asks. It loads no Effect.
 */
import { types } from "node:util"
import { MessagePort, type Transferable } from "node:worker_threads"

const marked = new WeakSet<object>()
let marks = false

/** Whether anything was ever marked in this thread: if not, no value need be asked for. */
export const hasMarks = (): boolean => marks

/** Whether this is to be moved. */
export const isMarked = (value: object): boolean => marked.has(value)

/** Marks a value as one that is to be moved. Throws a `TypeError` for what is not memory or a handle that moves. */
export const mark = (value: unknown): void => {
  if (types.isSharedArrayBuffer(value) || (ArrayBuffer.isView(value) && types.isSharedArrayBuffer(value.buffer))) {
    throw new TypeError("move: a SharedArrayBuffer is shared by both threads and not moved: send it as it is")
  }
  if (typeof value !== "object" || value === null || !(isMemory(value) || isMovable(value))) {
    throw new TypeError(
      "move: only an ArrayBuffer, a view of one, a MessagePort, a FileHandle, a web stream or " +
        `a transferable AbortSignal can be moved, and not ${kind(value)}: mark the parts, as in { bytes: move(bytes) }`
    )
  }
  marked.add(value)
  marks = true
}

const isMemory = (value: object): boolean => types.isArrayBuffer(value) || ArrayBuffer.isView(value)

/** Whether this is a handle that moves. Node's own classes have a method for it, under a symbol that is not exported. */
export const isMovable = (value: object): value is Transferable => {
  try {
    if (value instanceof MessagePort) return true
    for (let at: object | null = value; at !== null; at = Object.getPrototypeOf(at)) {
      for (const symbol of Object.getOwnPropertySymbols(at)) {
        if (symbol.description === "messaging_transfer_symbol") return true
      }
    }
  } catch {
    // A proxy: no handle.
  }
  return false
}

const kind = (value: unknown): string => {
  if (value === null || value === undefined) return String(value)
  return typeof value === "object" ? "an object of another kind" : `a ${typeof value}`
}
