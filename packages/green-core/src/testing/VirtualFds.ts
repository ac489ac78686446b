/**
 * Virtual descriptors: a world without an operating system for programs that wait, and the service by which a test
 * plays the other side.
 *
 * The program under test is the same as in production. It makes pipes and socket pairs by `FdIo`, or is handed
 * descriptors whose far end the test holds.
 *
 * @since 0.1.0
 */
import { Clock } from "effect/Clock"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import { Scheduler } from "effect/Scheduler"
import * as Scope from "effect/Scope"
import * as Fd from "../Fd.ts"
import { FdIo, WouldBlock } from "../FdIo.ts"
import * as RegularFile from "../virtual/RegularFile.ts"
import { ScriptedFile } from "../virtual/ScriptedFile.ts"
import * as SocketPair from "../virtual/SocketPair.ts"
import * as World from "../virtual/World.ts"
import { Wait } from "../Wait.ts"
import { WaitFd } from "../WaitFd.ts"

/**
 * The far end of a virtual socket, which the test holds. It is an open descriptor like any other, so everything else
 * can be done to it by its number; who waits in `send` and `receive` is listed by `waiting`, and a `receive` to which
 * nobody will ever write fails with `Deadlock`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Peer {
  readonly fd: number
  /** Writes all of it, text as UTF-8, waiting while the program does not read. Interruption may leave it sent in part. */
  readonly send: (content: string | Uint8Array) => Effect.Effect<void, Fd.FdError>
  /** All that has arrived, waiting for at least one byte; empty at the end of the stream. */
  readonly receive: Effect.Effect<Uint8Array, Fd.FdError>
  /** The same as text. A character that has arrived in part comes with its rest. */
  readonly receiveText: Effect.Effect<string, Fd.FdError>
  /** Ends the stream of what is sent: the program reads the end, and can still write. */
  readonly end: Effect.Effect<void, Fd.FdError>
  /**
   * Breaks the connection and closes this end: the program reads what it was sent before, then `ECONNRESET`, and its
   * writes fail with `EPIPE`.
   */
  readonly reset: Effect.Effect<void, Fd.FdError>
}

/**
 * A virtual socket for the program, and its far end for the test.
 *
 * @category models
 * @since 0.1.0
 */
export interface VirtualSocket {
  readonly fd: number
  readonly peer: Peer
}

/**
 * The service by which a test scripts a virtual world, and the layers that make one.
 *
 * @example
 * ```ts
 * import * as Effect from "effect/Effect"
 * import * as Fiber from "effect/Fiber"
 * import { FdIo, waitFd } from "green-core"
 * import { VirtualFds } from "green-core/testing"
 *
 * const greet = Effect.fnUntraced(function*(fd: number) {
 *   yield* FdIo.write(fd, new TextEncoder().encode("HELLO\n"))
 *   yield* waitFd(fd).pipe(Effect.timeout("1 second"))
 *   const answer = new Uint8Array(64)
 *   yield* FdIo.read(fd, answer)
 * })
 *
 * const test = Effect.gen(function*() {
 *   const socket = yield* VirtualFds.socket
 *   const greeting = yield* Effect.forkChild(greet(socket.fd))
 *   console.log(yield* socket.peer.receiveText)
 *   console.log(yield* VirtualFds.waiting)
 *   yield* VirtualFds.at("10 millis", socket.peer.send("HI\n"))
 *   yield* Fiber.join(greeting)
 * })
 *
 * await Effect.runPromise(test.pipe(Effect.provide(VirtualFds.layer)))
 * ```
 *
 * **What is virtual.** Pipes, socket pairs and files behave as those of Linux do: they fill, and then take a part of
 * what is written, or nothing; they end, hang up, break and are reset; the lowest free number is given out first.
 * Numbers start at 2,000,000,000, where no real descriptor is. Two things are simpler: of what is in a socket only the
 * bytes count, and a capacity under 4096 counts bytes, where a pipe of Linux has whole pages. A read or write that
 * would block on a descriptor without O_NONBLOCK fails with `NotGreen`, in place of stopping the thread.
 *
 * **Deadlock.** When somebody waits for a virtual descriptor and nothing can go on, because no fiber can run, none
 * sleeps and no `wait` is unsettled, then everybody who waits for one fails with `FdError`, reason `Deadlock`, which
 * lists them. With a `TestClock` a sleeper puts the verdict off, since somebody may adjust the clock; a sleep without
 * end does not. The verdict rests on what the layer sees: its own scheduler and clock, which it puts around those
 * outside, and its `Wait`. So
 *
 * - wait for promises and callbacks by `wait`, not by `Effect.promise`, `Effect.callback` or a `Deferred` that is
 *   completed from outside: these are not seen, and a program whose only hope they are is judged to be stuck;
 * - provide the layer to the whole test, and a `TestClock` outside of it, as `it.effect` does: fibers, sleepers and
 *   promises outside are not seen.
 *
 * Promises are waited for by the `Wait` that the layer finds where it is provided, or else on the event loop.
 *
 * When the scope of the layer ends, its descriptors close, its scripts are interrupted, and whoever waits fails with
 * `Closing`. A layer value that is provided twice is one world, as every layer is; `Layer.fresh` makes another.
 *
 * @category services
 * @since 0.1.0
 */
export class VirtualFds extends Context.Service<
  VirtualFds,
  {
    readonly make: (readiness?: Partial<Fd.Readiness>) => Effect.Effect<number>
    readonly set: (fd: number, readiness: Partial<Fd.Readiness>) => Effect.Effect<void, Fd.FdError>
    readonly socket: Effect.Effect<VirtualSocket>
    readonly file: (content?: string | Uint8Array) => Effect.Effect<number>
    readonly at: <A, E, R>(
      duration: Duration.Input,
      effect: Effect.Effect<A, E, R>
    ) => Effect.Effect<Fiber.Fiber<A, E>, never, R>
    readonly waiting: Effect.Effect<ReadonlyArray<Fd.Waiting>>
    readonly settled: Effect.Effect<void>
  }
>()("green-core/testing/VirtualFds") {
  /**
   * A descriptor that is ready for what it is told to be, at first for nothing, or as given. It carries no bytes: a
   * read or write fails with `EINVAL`.
   */
  static readonly make = (readiness?: Partial<Fd.Readiness>): Effect.Effect<number, never, VirtualFds> =>
    VirtualFds.use((world) => world.make(readiness))

  /**
   * Changes what a descriptor of `make` is ready for; what is not named stays as it is. Fails with `BadDescriptor` for
   * any other: its readiness follows from its bytes.
   */
  static readonly set = (fd: number, readiness: Partial<Fd.Readiness>): Effect.Effect<void, Fd.FdError, VirtualFds> =>
    VirtualFds.use((world) => world.set(fd, readiness))

  /** A socket for the program whose far end the test holds. */
  static readonly socket: Effect.Effect<VirtualSocket, never, VirtualFds> = Effect.suspend(() =>
    VirtualFds.use((world) => world.socket)
  )

  /** A regular file, with one position for reading and writing. It is always ready. */
  static readonly file = (content?: string | Uint8Array): Effect.Effect<number, never, VirtualFds> =>
    VirtualFds.use((world) => world.file(content))

  /**
   * Performs the effect when the clock of the calling fiber, live or a `TestClock`, has gone on by so much; the time
   * runs from this call. Goes on at once, with the fiber of the script, which ends with the world at the latest. Join
   * it to learn of a failure.
   */
  static readonly at = <A, E, R>(
    duration: Duration.Input,
    effect: Effect.Effect<A, E, R>
  ): Effect.Effect<Fiber.Fiber<A, E>, never, R | VirtualFds> => VirtualFds.use((world) => world.at(duration, effect))

  /** Who waits for which virtual descriptor, in the order in which they came. */
  static readonly waiting: Effect.Effect<ReadonlyArray<Fd.Waiting>, never, VirtualFds> = Effect.suspend(() =>
    VirtualFds.use((world) => world.waiting)
  )

  /**
   * Waits until no fiber can run: each one waits for a descriptor, for the clock, or for something outside. It is how a
   * test lets a program get as far as it can.
   */
  static readonly settled: Effect.Effect<void, never, VirtualFds> = Effect.suspend(() =>
    VirtualFds.use((world) => world.settled)
  )

  /**
   * A virtual world whose pipes, and each direction of its sockets, hold `capacity` bytes. From 4096 on, a pipe has
   * whole pages of so many bytes, as on Linux. Throws a `RangeError` unless it is a positive integer.
   */
  static readonly layerWith = (options: {
    readonly capacity: number
  }): Layer.Layer<Wait | WaitFd | FdIo | VirtualFds> => {
    const { capacity } = options
    if (!Number.isInteger(capacity) || capacity < 1) {
      throw new RangeError(`VirtualFds.layerWith: the capacity is ${capacity}; it must be a positive integer`)
    }
    return Layer.effectContext(
      Effect.gen(function* () {
        const world = yield* World.make(capacity)
        const scope = yield* Scope.Scope
        return Context.make(VirtualFds, control(world, scope, capacity)).pipe(
          Context.add(Wait, world.quiescence.wait),
          Context.add(WaitFd, world.waitFd),
          Context.add(FdIo, world.io),
          Context.add(Scheduler, world.quiescence.scheduler),
          Context.add(Clock, world.quiescence.clock)
        )
      })
    )
  }

  /** A virtual world whose pipes and sockets hold 64 KiB, which is what a pipe of Linux holds. */
  static readonly layer: Layer.Layer<Wait | WaitFd | FdIo | VirtualFds> = VirtualFds.layerWith({ capacity: 65_536 })
}

const control = (world: World.World, scope: Scope.Scope, capacity: number): VirtualFds["Service"] => ({
  make: (readiness = {}) =>
    Effect.sync(() => {
      const file = new ScriptedFile()
      file.set(readiness)
      return world.table.open(file)
    }),
  set: (fd, readiness) =>
    Effect.suspend(() => {
      const file = world.table.get(fd)
      if (file === undefined) return Effect.fail(Fd.badDescriptor(fd, "set"))
      if (!(file instanceof ScriptedFile)) return Effect.fail(notScripted(fd))
      file.set(readiness)
      world.waiters.wake(file)
      return Effect.void
    }),
  socket: Effect.sync(() => {
    const [near, far] = SocketPair.make(capacity)
    return { fd: world.table.open(near), peer: peer(world, world.table.open(far), far) }
  }),
  file: (content = "") => Effect.sync(() => world.table.open(RegularFile.make(bytesOf(content)))),
  at: (duration, effect) => Effect.forkIn(Effect.delay(effect, duration), scope, { startImmediately: true }),
  waiting: Effect.sync(() => world.waiters.list()),
  settled: world.quiescence.settled
})

const peer = (world: World.World, fd: number, end: SocketPair.SocketEnd): Peer => {
  const wait = (interest: Fd.Interest) => world.waitFd.wait({ fd, interest, exclusive: false })

  const sendFrom = (bytes: Uint8Array): Effect.Effect<void, Fd.FdError> =>
    Effect.flatMap(world.io.write(fd, bytes), (count) => {
      if (count === WouldBlock) return Effect.flatMap(wait("write"), () => sendFrom(bytes))
      return count < bytes.length ? sendFrom(bytes.subarray(count)) : Effect.void
    })

  const receive: Effect.Effect<Uint8Array, Fd.FdError> = Effect.suspend(() => {
    // More than this cannot have arrived.
    const bytes = new Uint8Array(end.capacity)
    return Effect.flatMap(world.io.read(fd, bytes), (count) =>
      count === WouldBlock ? Effect.andThen(wait("read"), receive) : Effect.succeed(bytes.slice(0, count))
    )
  })

  const decoder = new TextDecoder()
  const receiveText: Effect.Effect<string, Fd.FdError> = Effect.flatMap(receive, (bytes) => {
    const text = decoder.decode(bytes, { stream: bytes.length > 0 })
    return text === "" && bytes.length > 0 ? receiveText : Effect.succeed(text)
  })
  return {
    fd,
    send: (content) => sendFrom(bytesOf(content)),
    receive,
    receiveText,
    end: world.io.shutdown(fd),
    reset: Effect.suspend(() => {
      if (world.table.get(fd) !== end) return Effect.fail(Fd.badDescriptor(fd, "reset"))
      end.reset()
      return world.io.close(fd)
    })
  }
}

const bytesOf = (content: string | Uint8Array): Uint8Array =>
  typeof content === "string" ? new TextEncoder().encode(content) : content

const notScripted = (fd: number): Fd.FdError =>
  new Fd.FdError({
    fd,
    operation: "set",
    reason: {
      _tag: "BadDescriptor",
      value: fd,
      problem: "its readiness follows from its bytes; only that of a descriptor made by VirtualFds.make can be set"
    }
  })
