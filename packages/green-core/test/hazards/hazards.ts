/**
 * What aborts, crashes or spins a process when descriptors are watched one by one, as programs over `Green.layer`.
 *
 * Each says what it found, and is run in a process of its own by `hazards.test.ts`: it must end by itself, in order.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import { type FdError, FdIo, Protocol, type Wait, WaitFd, waitFd } from "green-core"
import { systemFixtures, turnsOfTheLoop } from "green-core/testing"
import { createRequire } from "node:module"
import * as Fs from "node:fs"
import * as Net from "node:net"
import * as Os from "node:os"
import type * as Koffi from "koffi"

export interface Hazard {
  readonly name: string
  readonly program: Effect.Effect<ReadonlyArray<unknown>, unknown, Wait | WaitFd | FdIo | Scope.Scope>
  readonly says: ReadonlyArray<unknown>
  /** How many descriptors its process may have. */
  readonly descriptors?: number
}

const hazard = (
  name: string,
  says: Hazard["says"],
  program: () => Generator<
    Effect.Effect<unknown, unknown, Wait | WaitFd | FdIo | Scope.Scope>,
    ReadonlyArray<unknown>,
    never
  >,
  options?: { readonly descriptors: number }
): Hazard => ({ name, says, program: Effect.gen(program), ...options })

export const hazards: ReadonlyArray<Hazard> = [
  hazard("a descriptor closed while it is waited for: silence until notifyClosing", ["waits", "Closing"], function* () {
    const { reader } = yield* FdIo.makePipe
    const waiter = yield* start(waitFd(reader))
    yield* turnsOfTheLoop
    yield* FdIo.close(reader)
    yield* turnsOfTheLoop
    const before = outcome(waiter)
    yield* WaitFd.notifyClosing(reader)
    return [before, yield* ended(waiter)]
  }),

  hazard(
    "closed, then waited for again, withdrawn or not before: BadDescriptor",
    ["interrupted", "BadDescriptor", "BadDescriptor", "BadDescriptor"],
    function* () {
      const { reader, writer } = yield* FdIo.makePipe
      const end = yield* systemFixtures.endpoint
      const withdrawn = yield* start(waitFd(reader))
      const forgotten = yield* start(waitFd(end.fd))
      yield* turnsOfTheLoop
      yield* Fiber.interrupt(withdrawn)
      yield* FdIo.close(reader)
      yield* FdIo.close(writer)
      yield* end.close
      const again = yield* start(waitFd(reader))
      const alsoAgain = yield* start(waitFd(end.fd, "write"))
      return [outcome(withdrawn), yield* ended(again), yield* ended(alsoAgain), yield* ended(forgotten)]
    }
  ),

  hazard(
    "closed in the turn in which the wait began: silence, and the wait can be interrupted",
    ["waits", "interrupted"],
    function* () {
      const { reader, writer } = yield* FdIo.makePipe
      const waiter = yield* start(waitFd(reader))
      yield* FdIo.close(reader)
      yield* FdIo.close(writer)
      yield* turnsOfTheLoop
      const before = outcome(waiter)
      yield* Fiber.interrupt(waiter)
      return [before, outcome(waiter)]
    }
  ),

  hazard(
    "closed and its number reused while the old wait goes on: the old one BadDescriptor, the new one right",
    ["BadDescriptor", "readable"],
    function* () {
      const before = yield* systemFixtures.endpoint
      const old = yield* start(waitFd(before.fd))
      yield* turnsOfTheLoop
      const after = yield* before.reuse ?? Effect.die("no reuse")
      const renewed = yield* start(waitFd(after.fd))
      yield* after.makeReadable
      return [yield* ended(old), yield* ended(renewed)]
    }
  ),

  hazard(
    "closed and its number reused, the old wait withdrawn or never renewed: the old one sees nothing",
    ["interrupted", "readable", "waits", "readable"],
    function* () {
      const [one, two] = [yield* systemFixtures.endpoint, yield* systemFixtures.endpoint]
      const withdrawn = yield* start(waitFd(one.fd))
      const forgotten = yield* start(waitFd(two.fd))
      yield* turnsOfTheLoop
      yield* Fiber.interrupt(withdrawn)
      const [three, four] = [yield* one.reuse ?? Effect.die("no reuse"), yield* two.reuse ?? Effect.die("no reuse")]
      yield* three.makeReadable
      yield* four.makeReadable
      yield* turnsOfTheLoop
      const old = [outcome(withdrawn), yield* ended(yield* start(waitFd(three.fd))), outcome(forgotten)]
      yield* Fiber.interrupt(forgotten)
      return [...old, yield* ended(yield* start(waitFd(four.fd)))]
    }
  ),

  hazard(
    "closed while a duplicate lives and data comes: one event at most, and no spin",
    ["readable", "idle", "BadDescriptor", "readable"],
    function* () {
      const { reader, writer } = yield* FdIo.makePipe
      const duplicate = yield* dup(reader)
      const waiter = yield* start(waitFd(reader))
      yield* turnsOfTheLoop
      yield* FdIo.close(reader)
      yield* FdIo.write(writer, Uint8Array.of(1))
      const first = yield* ended(waiter)
      const cost = yield* idle
      yield* FdIo.write(writer, Uint8Array.of(1))
      const again = yield* ended(yield* start(waitFd(reader)))
      // The same file under the same number, that the set had given up.
      yield* dup(duplicate, reader)
      return [first, cost, again, yield* ended(yield* start(waitFd(reader)))]
    }
  ),

  hazard(
    "closed and its number reused while a duplicate lives and data comes: the new wait never sees it",
    ["BadDescriptor", "waits", "idle", "waits", "readable"],
    function* () {
      const before = yield* systemFixtures.endpoint
      yield* dup(before.fd)
      const old = yield* start(waitFd(before.fd))
      yield* turnsOfTheLoop
      const after = yield* before.reuse ?? Effect.die("no reuse")
      const renewed = yield* start(waitFd(after.fd))
      // The peer of the old one: its data are for the duplicate.
      yield* before.makeReadable
      yield* turnsOfTheLoop
      const early = outcome(renewed)
      const cost = yield* idle
      const late = outcome(renewed)
      yield* after.makeReadable
      return [yield* ended(old), early, cost, late, yield* ended(renewed)]
    }
  ),

  hazard("-1, 99999 and 1e10: BadDescriptor", ["BadDescriptor", "BadDescriptor", "BadDescriptor"], function* () {
    return yield* Effect.forEach([-1, 99_999, 1e10], (value) => Effect.flatMap(start(waitFd(value)), ended))
  }),

  hazard(
    "a file, a directory and /dev/null: always ready",
    ["readable", "writable", "readable", "writable", "readable", "writable"],
    function* () {
      const said: Array<unknown> = []
      for (const path of [process.execPath, Os.tmpdir(), "/dev/null"]) {
        const fd = Fs.openSync(path, "r")
        for (const interest of ["read", "write"] as const) said.push(yield* ended(yield* start(waitFd(fd, interest))))
        Fs.closeSync(fd)
      }
      return said
    }
  ),

  hazard("two waits on one descriptor: the union of both", ["writable", "waits", "readable"], function* () {
    const end = yield* systemFixtures.endpoint
    yield* end.makeUnwritable
    const reader = yield* start(waitFd(end.fd, "read"))
    const writer = yield* start(waitFd(end.fd, "write"))
    yield* turnsOfTheLoop
    yield* end.makeWritable
    const first = yield* ended(writer)
    const second = outcome(reader)
    yield* end.makeReadable
    return [first, second, yield* ended(reader)]
  }),

  hazard("a second wait when the first was withdrawn", ["interrupted", "readable"], function* () {
    const end = yield* systemFixtures.endpoint
    const first = yield* start(waitFd(end.fd))
    yield* turnsOfTheLoop
    yield* Fiber.interrupt(first)
    const second = yield* start(waitFd(end.fd))
    yield* end.makeReadable
    return [outcome(first), yield* ended(second)]
  }),

  hazard(
    "the descriptors of a server and of sockets that Node watches: seen ready while Node does not read, and Node goes on",
    ["readable", "writable", "hello", "hello again"],
    function* () {
      const server = Net.createServer({ pauseOnConnect: true })
      yield* event(server.listen(0, "127.0.0.1"), "listening")
      // Whoever is faster has the connection, so the wait may wake or not.
      yield* start(waitFd(server))
      const accepted = yield* start(event<Net.Socket>(server, "connection"))
      const address = server.address()
      const client = Net.connect(typeof address === "object" ? (address?.port ?? 0) : 0, "127.0.0.1")
      const socket = yield* Fiber.join(accepted)
      const first = yield* start(waitFd(socket))
      yield* turnsOfTheLoop
      client.write("hello")
      const said = [yield* ended(first), yield* ended(yield* start(waitFd(socket, "write")))]
      const data = yield* start(event<Buffer>(socket, "data"))
      socket.resume()
      const text = (yield* Fiber.join(data)).toString()
      // Again it may wake or not: Node reads.
      yield* start(waitFd(socket))
      const more = yield* start(event<Buffer>(socket, "data"))
      client.end("hello again")
      const last = (yield* Fiber.join(more)).toString()
      socket.destroy()
      server.close()
      return [...said, text, last]
    }
  ),

  hazard("a descriptor that is waited for, then given to Node: both see it", ["writable", "\u0001"], function* () {
    const end = yield* systemFixtures.endpoint
    yield* end.makeUnwritable
    const writer = yield* start(waitFd(end.fd, "write"))
    // It may wake or not: Node reads.
    yield* start(waitFd(end.fd))
    yield* turnsOfTheLoop
    const socket = new Net.Socket({ fd: end.fd, readable: true, writable: true })
    const data = yield* start(event<Buffer>(socket, "data"))
    yield* end.makeWritable
    yield* end.makeReadable
    const said = [yield* ended(writer), (yield* Fiber.join(data)).toString()]
    socket.destroy()
    return said
  }),

  hazard("a duplicate of a descriptor of Node: both see it", ["writable", "\u0001"], function* () {
    const end = yield* systemFixtures.endpoint
    yield* end.makeUnwritable
    const socket = new Net.Socket({ fd: end.fd, readable: true, writable: true })
    const data = yield* start(event<Buffer>(socket, "data"))
    const duplicate = yield* dup(end.fd)
    const writer = yield* start(waitFd(duplicate, "write"))
    yield* start(waitFd(duplicate))
    yield* turnsOfTheLoop
    yield* end.makeWritable
    yield* end.makeReadable
    const said = [yield* ended(writer), (yield* Fiber.join(data)).toString()]
    socket.destroy()
    yield* FdIo.close(duplicate)
    return said
  }),

  hazard("standard input, that process.stdin reads, with the level up", ["readable", "idle", "input\n"], function* () {
    process.stdin.pause()
    const waiter = yield* start(waitFd(0))
    Fs.writeSync(1, "ready for input\n")
    const first = yield* ended(waiter)
    const cost = yield* idle
    const input = (yield* event<Buffer>(process.stdin.resume(), "data")).toString()
    process.stdin.destroy()
    return [first, cost, input]
  }),

  hazard(
    "everything that can be done after the end, again: nothing",
    ["interrupted", "readable", "Closing", "BadDescriptor", 0],
    function* () {
      const { reader, writer } = yield* FdIo.makePipe
      const handler = yield* WaitFd
      const context = yield* Effect.context()
      const withdraw = handler.register(Protocol.request(reader), () => {}, context)
      withdraw()
      withdraw()
      const interrupted = yield* start(waitFd(reader))
      yield* Fiber.interrupt(interrupted)
      yield* Fiber.interrupt(interrupted)
      yield* FdIo.write(writer, Uint8Array.of(1))
      const woken = yield* start(waitFd(reader))
      const woke = yield* ended(woken)
      yield* Fiber.interrupt(woken)
      const lease = yield* WaitFd.lease(reader)
      yield* lease.release
      yield* lease.release
      const late = yield* ended(yield* start(lease.wait("read")))
      yield* WaitFd.notifyClosing(reader)
      yield* WaitFd.notifyClosing(reader)
      withdraw()
      const again = yield* ended(yield* start(waitFd(reader)))
      return [outcome(interrupted), woke, late, again, (yield* WaitFd.statistics).descriptors]
    }
  ),

  hazard("a wait that nobody refers to, and the garbage collected: it is woken", ["woken"], function* () {
    const end = yield* systemFixtures.endpoint
    const said: Array<string> = []
    const { register } = yield* WaitFd
    register(Protocol.request(end.fd), () => said.push("woken"), yield* Effect.context())
    for (let round = 0; round < 5; round++) {
      globalThis.gc?.()
      yield* turnsOfTheLoop
    }
    yield* end.makeReadable
    yield* turnsOfTheLoop
    return globalThis.gc === undefined ? ["no gc"] : said
  }),

  hazard(
    "a continuation that throws: its error is uncaught, and the others are served",
    ["before", "after", "later", "thrown by a continuation"],
    function* () {
      const ends = [yield* systemFixtures.endpoint, yield* systemFixtures.endpoint] as const
      const said: Array<string> = []
      const uncaught: Array<string> = []
      process.on("uncaughtException", (error) => uncaught.push(error.message))
      const { register } = yield* WaitFd
      const context = yield* Effect.context()
      const request = Protocol.request(ends[0].fd)
      register(request, () => said.push("before"), context)
      register(
        request,
        () => {
          throw new Error("thrown by a continuation")
        },
        context
      )
      register(request, () => said.push("after"), context)
      register(Protocol.request(ends[1].fd), () => said.push("later"), context)
      for (const end of ends) yield* end.makeReadable
      yield* turnsOfTheLoop
      return [...said, ...uncaught]
    }
  ),

  hazard("the set that is waited in, and the loop's that it is in: typed failures", ["EINVAL", "ELOOP"], function* () {
    const end = yield* systemFixtures.endpoint
    yield* start(waitFd(end.fd))
    yield* turnsOfTheLoop
    return yield* waitForEpollSets
  }),

  hazard("the same in the first turn, before the loop watches the set", ["EINVAL", "ELOOP"], function* () {
    const end = yield* systemFixtures.endpoint
    yield* start(waitFd(end.fd))
    return yield* waitForEpollSets
  }),

  hazard(
    "no descriptor is left, for pipes, sockets and the set itself: EMFILE, until there are some again",
    ["makePipe EMFILE", "makeSocketPair EMFILE", "wait EMFILE", "readable"],
    function* () {
      const { reader, writer } = yield* FdIo.makePipe
      const open = exhaust()
      const failures = yield* Effect.forEach(
        [FdIo.makePipe, FdIo.makeSocketPair, waitFd(reader)],
        (operation: Effect.Effect<unknown, FdError, FdIo | WaitFd>) => Effect.flip(operation)
      )
      for (const fd of open) Fs.closeSync(fd)
      yield* FdIo.write(writer, Uint8Array.of(1))
      return [...failures.map(said), yield* ended(yield* start(waitFd(reader)))]
    },
    { descriptors: 64 }
  ),

  hazard(
    "no descriptor is left for loading what waitFd needs: a typed failure, until there are some again",
    ["failed", "readable"],
    function* () {
      const open = exhaust()
      yield* Effect.flip(waitFd(open[0] ?? 0))
      for (const fd of open) Fs.closeSync(fd)
      const { reader, writer } = yield* FdIo.makePipe
      yield* FdIo.write(writer, Uint8Array.of(1))
      return ["failed", yield* ended(yield* start(waitFd(reader)))]
    },
    { descriptors: 64 }
  )
]

const start = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.forkScoped(effect, { startImmediately: true })

/** What has become of a wait, in a word. */
const outcome = (waiter: Fiber.Fiber<{ readonly readable: boolean }, FdError>): string => {
  const exit = waiter.pollUnsafe()
  if (exit === undefined) return "waits"
  if (Exit.isSuccess(exit)) return exit.value.readable ? "readable" : "writable"
  const error = Exit.findErrorOption(exit)
  return error._tag === "Some" ? error.value.reason._tag : Exit.hasInterrupts(exit) ? "interrupted" : String(exit.cause)
}

const isEpollSet = (fd: number): boolean => {
  try {
    return Fs.readlinkSync(`/proc/self/fd/${fd}`) === "anon_inode:[eventpoll]"
  } catch {
    return false
  }
}

/** The codes by which waiting for each of the epoll sets of this process fails; those of Node's other threads do not. */
const waitForEpollSets = Effect.gen(function* () {
  const sets = Fs.readdirSync("/proc/self/fd").map(Number).filter(isEpollSet)
  const waits = yield* Effect.forEach(sets, (set) => start(waitFd(set)))
  yield* turnsOfTheLoop
  const codes = waits.flatMap((wait) => {
    const exit = wait.pollUnsafe()
    const error = exit === undefined ? undefined : Option.getOrUndefined(Exit.findErrorOption(exit))
    return error?.reason._tag === "System" ? [error.reason.code] : []
  })
  return codes.sort()
})

/** Opens as many descriptors as there may be. */
const exhaust = (): ReadonlyArray<number> => {
  const open: Array<number> = []
  try {
    for (;;) open.push(Fs.openSync("/dev/null", "r"))
  } catch {
    return open
  }
}

const said = ({ operation, reason }: FdError): string =>
  `${operation} ${reason._tag === "System" ? reason.code : reason._tag}`

const ended = (waiter: Fiber.Fiber<{ readonly readable: boolean }, FdError>) =>
  Effect.map(Fiber.await(waiter), () => outcome(waiter))

const event = <A>(emitter: NodeJS.EventEmitter, name: string): Effect.Effect<A> =>
  Effect.callback<A>((resume) => {
    emitter.once(name, (value: A) => resume(Effect.succeed(value)))
  })

/** Sees what a quiet stretch of time costs: a spin takes all of it. */
const idle = Effect.gen(function* () {
  const milliseconds = 300
  const before = process.cpuUsage()
  yield* Effect.sleep(milliseconds)
  const { user, system } = process.cpuUsage(before)
  const spent = (user + system) / 1000
  return spent < milliseconds / 4 ? "idle" : `${spent} ms of CPU in ${milliseconds} ms`
})

/** Makes a duplicate, under a number of its own or in the place of another. */
const dup = (fd: number, place?: number): Effect.Effect<number> =>
  Effect.sync(() => {
    const koffi: typeof Koffi = createRequire(import.meta.url)("koffi")
    const libc = koffi.load(null)
    return Number(place === undefined ? libc.func("int dup(int)")(fd) : libc.func("int dup2(int, int)")(fd, place))
  })
