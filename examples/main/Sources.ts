/**
 * The operation of this example: making descriptors for things that happen.
 *
 * Each is leased to the caller's scope, and closed with it. `linuxSources` makes them by system calls, `virtualSources`
 * in memory; the program does not know which.
 */
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Fd, FdIo, Lease, WaitFd } from "green-core"

/** A descriptor, open until the scope ends. */
export type Opened<A = Lease> = Effect.Effect<A, Fd.FdError, WaitFd | FdIo | Scope.Scope>

/** A child process and the terminal that it runs in. */
export interface Child {
  /** The terminal's other side: what the child prints is read from it, what is written to it the child reads. */
  readonly terminal: Lease
  /** The exit code, or the name of the signal that ended the child. */
  readonly exited: Promise<number | string>
}

export class Sources extends Context.Service<
  Sources,
  {
    /** Gives an inotify record for every file of the directory that was written. */
    readonly inotify: (directory: string) => Opened
    /** Gives the number of intervals that have gone by since the last read, as 64 bits. */
    readonly timer: (interval: Duration.Input) => Opened
    /** Runs a shell script in a terminal, in the directory. The child does not outlive the scope. */
    readonly terminal: (script: string, directory: string) => Opened<Child>
    /** Begins to connect to a port of this machine: writable when it is connected, or refused. */
    readonly connect: (port: number) => Opened
  }
>()("examples/Sources") {}
