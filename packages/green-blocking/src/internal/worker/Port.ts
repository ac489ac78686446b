/**
 * The operation of this package: to ask another thread, and to block until it answers. `perform` is policy above it.
 *
 * There is a port while a job runs, and only then. It is found under a name in the global object and not by an import:
 * the file of a job may have been bundled with a copy of this module of its own, and the runtime of the worker, which
 * provides it, loads nothing that a job does not use.
 */
import type { Attributes, JobContext, Reply, ToHost } from "../wire.ts"

export interface Port {
  /** Which job of this thread it is. */
  readonly job: number
  readonly context: JobContext | undefined
  /** Whether this job is interrupted. It stays so. */
  readonly interrupted: boolean
  /** The span in which the job is at this moment: 0 is that of its caller. */
  span: number
  /** A number that no other span of this job has. */
  nextSpan(): number
  /** Asks for an operation, and gives the number of the request. Throws what `postMessage` throws. */
  request(operation: string, payload: unknown): number
  /** Blocks until the request is answered, for so many milliseconds at most. */
  answer(request: number, milliseconds: number): Reply | "timed out" | "interrupted"
  /** Asks for the next chunk of a stream, to be had by `answer`. */
  pull(request: number): void
  /** Takes the request back. */
  cancel(request: number): void
  /** Says something that is not answered: a log or a span. Throws what `postMessage` throws. */
  say(message: ToHost): void
}

/** What the modules of a job can lend to the runtime, which knows no Schema. */
export interface Lent {
  /** What the class of an error encodes its fields to. */
  encodeError?: (error: Error) => Attributes | undefined
}

declare global {
  // Found under these names by every copy of this module in the thread; @1 is the version of the interface.
  var greenBlockingPort1: Port | undefined
  var greenBlockingLent1: Lent | undefined
}

/** The port of the job that runs. */
export const current = (): Port | undefined => globalThis.greenBlockingPort1

/** Calls the function with a port, or with none, for as long as it runs. */
export const within = <A>(port: Port | undefined, f: () => A): A => {
  const outer = globalThis.greenBlockingPort1
  globalThis.greenBlockingPort1 = port
  try {
    return f()
  } finally {
    globalThis.greenBlockingPort1 = outer
  }
}

export const lent: Lent = (globalThis.greenBlockingLent1 ??= {})
