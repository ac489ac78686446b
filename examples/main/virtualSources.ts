/**
 * `Sources` over virtual descriptors: a world in which nothing happens but what a test does.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { WaitFd } from "green-core"
import { type Peer, VirtualFds } from "green-core/testing"
import { expirationRecord, fileRecord } from "./records.ts"
import { Sources } from "./Sources.ts"

/** The sources, and the far ends of what the program opens. The timer goes by the clock. */
export interface Stage {
  readonly sources: Sources["Service"]
  /** A file of the directory is written. */
  readonly writeFile: (name: string) => ReturnType<Peer["send"]>
  /** What the child does in its terminal. */
  readonly terminal: Peer
  /** The child ends. */
  readonly exit: (code: number) => void
  /** What the server does. */
  readonly server: Peer
}

export const make: Effect.Effect<Stage, never, VirtualFds> = Effect.gen(function* () {
  const inotify = yield* VirtualFds.socket
  const timer = yield* VirtualFds.socket
  const terminal = yield* VirtualFds.socket
  const connection = yield* VirtualFds.socket
  const { promise: exited, resolve: exit } = Promise.withResolvers<number>()

  const sources = Sources.of({
    inotify: () => WaitFd.lease(inotify.fd),
    timer: Effect.fnUntraced(function* (interval) {
      const expire = Effect.delay(timer.peer.send(expirationRecord(1)), Duration.fromInputUnsafe(interval))
      yield* Effect.forkScoped(Effect.forever(expire))
      return yield* WaitFd.lease(timer.fd)
    }),
    terminal: () => Effect.map(WaitFd.lease(terminal.fd), (lease) => ({ terminal: lease, exited })),
    connect: () => WaitFd.lease(connection.fd)
  })
  return {
    sources,
    writeFile: (name) => inotify.peer.send(fileRecord(name)),
    terminal: terminal.peer,
    exit,
    server: connection.peer
  }
})
