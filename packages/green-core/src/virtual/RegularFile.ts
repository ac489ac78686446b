/**
 * Virtual regular files: always ready, one position for reading and writing.
 */
import { ENOTSOCK, type OpenFile } from "./OpenFile.ts"

export const make = (content: Uint8Array): OpenFile => {
  let bytes = content.slice()
  let position = 0
  return {
    fd: -1,
    nonBlocking: true,
    alwaysReady: true,
    other: undefined,
    poll: () => ({ readable: true, writable: true, hangup: false, error: false }),
    read: (into) => {
      const some = bytes.subarray(position, position + into.length)
      into.set(some)
      position += some.length
      return some.length
    },
    write: (from) => {
      const end = position + from.length
      if (end > bytes.length) {
        const longer = new Uint8Array(end)
        longer.set(bytes)
        bytes = longer
      }
      bytes.set(from, position)
      position = end
      return from.length
    },
    shutdown: () => -ENOTSOCK,
    close: () => {}
  }
}
