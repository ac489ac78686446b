/**
 * What is open under a virtual number: the shape of a pipe's end, a socket, a file, or something scripted.
 *
 * An open file answers as a system call does and knows nothing of who waits for it. It never waits either: whatever
 * could block answers EAGAIN.
 */
import * as Os from "node:os"
import type { Readiness } from "../Fd.ts"

export interface OpenFile {
  /** Its number, for as long as it is open. */
  fd: number
  /** O_NONBLOCK: for those who ask. It does not change the answers. */
  nonBlocking: boolean
  /** Whether it is of the kind that poll(2) always calls ready and epoll(7) refuses. */
  readonly alwaysReady: boolean
  /** The other end, whose readiness changes with what is done to this one. */
  readonly other: OpenFile | undefined
  /** What epoll(7) reports of it, whoever asks and for what. */
  readonly poll: () => Readiness
  /** How many bytes were read, or the number of an error, negated. */
  readonly read: (bytes: Uint8Array) => number
  /** How many bytes were taken, or the number of an error, negated. */
  readonly write: (bytes: Uint8Array) => number
  /** Zero, or the number of an error, negated. */
  readonly shutdown: () => number
  readonly close: () => void
}

export const { EAGAIN, EBADF, ECONNRESET, EINVAL, ENOTSOCK, EPIPE } = Os.constants.errno
