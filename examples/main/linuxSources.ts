/**
 * `Sources` by the system calls of Linux, which Node has no names for. The constants are those of x64 and arm64.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Fd, type Lease, WaitFd } from "green-core"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { closeSync, constants, openSync } from "node:fs"
import { type Opened, Sources } from "./Sources.ts"

/** Non-blocking, and not inherited by children. Every call that makes a descriptor has these two flags. */
const FLAGS = 0x800 | 0x80000
const IN_CLOSE_WRITE = 0x8
const CLOCK_MONOTONIC = 1
const AF_INET = 2
const SOCK_STREAM = 1
const EINPROGRESS = 115

const load = Effect.map(
  Effect.promise(() => import("koffi")),
  ({ default: koffi }) => {
    const c = koffi.load(null)
    return {
      errno: koffi.errno,
      inotify_init1: c.func("int inotify_init1(int flags)"),
      inotify_add_watch: c.func("int inotify_add_watch(int fd, const char *path, uint32_t mask)"),
      timerfd_create: c.func("int timerfd_create(int clock, int flags)"),
      timerfd_settime: c.func("int timerfd_settime(int fd, int flags, const void *time, void *old)"),
      posix_openpt: c.func("int posix_openpt(int flags)"),
      grantpt: c.func("int grantpt(int fd)"),
      unlockpt: c.func("int unlockpt(int fd)"),
      ptsname: c.func("const char *ptsname(int fd)"),
      socket: c.func("int socket(int domain, int type, int protocol)"),
      connect: c.func("int connect(int fd, const void *address, uint32_t length)")
    }
  }
)

const make = Effect.map(load, (libc) => {
  /** Calls the system: what it answers, or the `FdError` of its errno. */
  const call = (name: string, perform: () => number): Effect.Effect<number, Fd.FdError> =>
    Effect.suspend(() => {
      const answer = perform()
      return answer === -1 ? Effect.fail(Fd.system(undefined, name, libc.errno())) : Effect.succeed(answer)
    })

  /** Calls the system for a new descriptor, and leases it before anything else can happen. */
  const open = (name: string, perform: () => number): Opened<Lease> =>
    Effect.uninterruptible(Effect.flatMap(call(name, perform), (fd) => WaitFd.lease(fd)))

  return Sources.of({
    inotify: Effect.fnUntraced(function* (directory) {
      const lease = yield* open("inotify_init1", () => libc.inotify_init1(FLAGS))
      yield* call("inotify_add_watch", () => libc.inotify_add_watch(lease.fd, directory, IN_CLOSE_WRITE))
      return lease
    }),

    timer: Effect.fnUntraced(function* (interval) {
      const lease = yield* open("timerfd_create", () => libc.timerfd_create(CLOCK_MONOTONIC, FLAGS))
      const nanoseconds = Duration.toNanosUnsafe(interval)
      const every = [nanoseconds / 1_000_000_000n, nanoseconds % 1_000_000_000n]
      const time = BigInt64Array.from([...every, ...every])
      yield* call("timerfd_settime", () => libc.timerfd_settime(lease.fd, 0, time, null))
      return lease
    }),

    terminal: Effect.fnUntraced(function* (script, directory) {
      const terminal = yield* open("posix_openpt", () =>
        libc.posix_openpt(constants.O_RDWR | constants.O_NOCTTY | FLAGS)
      )
      yield* call("grantpt", () => libc.grantpt(terminal.fd))
      yield* call("unlockpt", () => libc.unlockpt(terminal.fd))
      const name: string | null = libc.ptsname(terminal.fd)
      if (name === null) return yield* Fd.system(terminal.fd, "ptsname", libc.errno())

      return yield* Effect.acquireRelease(
        Effect.sync(() => {
          const inside = openSync(name, constants.O_RDWR | constants.O_NOCTTY)
          // A process group of its own, to end with all that the script has started.
          const child = spawn("sh", ["-c", script], { cwd: directory, stdio: [inside, inside, inside], detached: true })
          closeSync(inside)
          const exited = once(child, "exit").then(([code, signal]) => code ?? signal, String)
          return { terminal, exited, child }
        }),
        ({ child: { exitCode, pid, signalCode }, exited }) => {
          if (pid !== undefined && exitCode === null && signalCode === null) process.kill(-pid, "SIGKILL")
          return Effect.promise(() => exited)
        }
      )
    }),

    connect: Effect.fnUntraced(function* (port) {
      const lease = yield* open("socket", () => libc.socket(AF_INET, SOCK_STREAM | FLAGS, 0))
      const address = Buffer.alloc(16)
      address.writeUInt16LE(AF_INET, 0)
      address.writeUInt16BE(port, 2)
      address.set([127, 0, 0, 1], 4)
      yield* call("connect", () => libc.connect(lease.fd, address, address.length)).pipe(
        Effect.catchReason("FdError", "System", ({ errno }, error) =>
          errno === EINPROGRESS ? Effect.void : Effect.fail(error)
        )
      )
      return lease
    })
  })
})

export const layer: Layer.Layer<Sources> = Layer.effect(Sources, make)
