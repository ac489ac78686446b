/**
 * Virtual pipes: they fill, empty and break as those of Linux do, page by page.
 */
import { ByteQueue } from "./ByteQueue.ts"
import { EAGAIN, EBADF, ENOTSOCK, EPIPE, type OpenFile } from "./OpenFile.ts"

/** PIPE_BUF too: a write of so many bytes at most is taken as a whole or not at all. */
const pageSize = 4096

export const make = (capacity: number): { readonly reader: OpenFile; readonly writer: OpenFile } => {
  // A pipe of less than a page is no pipe of Linux. It counts bytes, so that a test can fill it with a few.
  const page = capacity < pageSize ? 1 : pageSize
  const pages = Math.ceil(capacity / page)
  const content = new ByteQueue()
  let readerIsOpen = true
  let writerIsOpen = true

  const reader: OpenFile = {
    fd: -1,
    nonBlocking: true,
    alwaysReady: false,
    get other() {
      return writer
    },
    poll: () => ({ readable: content.length > 0, writable: false, hangup: !writerIsOpen, error: false }),
    read: (bytes) => {
      if (bytes.length === 0) return 0
      return content.length > 0 ? content.read(bytes) : writerIsOpen ? -EAGAIN : 0
    },
    write: () => -EBADF,
    shutdown: () => -ENOTSOCK,
    close: () => {
      readerIsOpen = false
      content.clear()
    }
  }

  const writer: OpenFile = {
    fd: -1,
    nonBlocking: true,
    alwaysReady: false,
    other: reader,
    poll: () => ({ readable: false, writable: content.chunks < pages, hangup: false, error: !readerIsOpen }),
    read: () => -EBADF,
    write: (bytes) => {
      if (bytes.length === 0) return 0
      if (!readerIsOpen) return -EPIPE
      // What is over after whole pages goes first, into the page that is open, if it fits there as a whole.
      const over = bytes.length % page
      let written = over > 0 && content.length > 0 && content.extend(bytes.subarray(0, over)) ? over : 0
      while (written < bytes.length && content.chunks < pages) {
        const some = bytes.subarray(written, written + page)
        content.append(some, page)
        written += some.length
      }
      return written > 0 ? written : -EAGAIN
    },
    shutdown: () => -ENOTSOCK,
    close: () => {
      writerIsOpen = false
    }
  }

  return { reader, writer }
}
