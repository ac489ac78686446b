/**
 * Sixty-four bytes there and back over a socket pair: two waits, two reads, two writes.
 *
 * The floor is a C program that arms epoll one-shot before each wait; the peer is `node:net`. Ours are two Effect
 * fibers over `Green.layer`; they read and write by FFI.
 */
import * as Effect from "effect/Effect"
import { Green, type Lease, WaitFd, WouldBlock, waitFd } from "green-core"
import { execFileSync } from "node:child_process"
import * as Net from "node:net"
import { compile } from "../compiler.ts"
import { alternate, cpuSide, type Measure, ratioRow, type Row, type Scale, type Side, type Target } from "../harness.ts"
import { close, EAGAIN, errno, makeSocketPair, read, write } from "./system.ts"

const size = 64

/** An end of the pair: who begins sends first, then both answer what they receive. */
export const waiting = Effect.fnUntraced(function* (fd: number, begins: boolean, trips: number) {
  const bytes = Buffer.alloc(size)
  for (let trip = 0; trip < trips; trip++) {
    if (begins) write(fd, bytes, size)
    yield* waitFd(fd)
    read(fd, bytes, size)
    if (!begins) write(fd, bytes, size)
  }
})

const transferred = (result: number): number | WouldBlock => {
  if (result >= 0) return result
  if (errno() === EAGAIN) return WouldBlock
  throw new Error(`errno ${errno()}`)
}

const leased = Effect.fnUntraced(function* (lease: Lease, begins: boolean, trips: number, first: "try" | "wait") {
  const bytes = Buffer.alloc(size)
  const send = () => transferred(write(lease.fd, bytes, size))
  const receive = () => transferred(read(lease.fd, bytes, size))
  for (let trip = 0; trip < trips; trip++) {
    if (begins) yield* lease.io("write", send)
    yield* lease.io("read", receive, { first })
    if (!begins) yield* lease.io("write", send)
  }
})

const socketTrips = (one: Net.Socket, other: Net.Socket, trips: number): Promise<void> =>
  new Promise((resolve) => {
    let trip = 0
    other.removeAllListeners("data").on("data", (bytes) => other.write(bytes))
    one.removeAllListeners("data").on("data", (bytes) => {
      if (++trip < trips) one.write(bytes)
      else resolve()
    })
    one.write(Buffer.alloc(size))
  })

const rows = Effect.fnUntraced(function* (scale: Scale) {
  const trips = scale.count(20_000)
  const run = Effect.runPromiseWith(yield* Effect.context<WaitFd>())
  const ends = yield* makeSocketPair
  const [one, other] = yield* makeSocketPair
  const leases = [yield* WaitFd.lease(one), yield* WaitFd.lease(other)] as const
  const [first, second] = yield* makeSocketPair
  const sockets = [new Net.Socket({ fd: first }), new Net.Socket({ fd: second })] as const

  const ours = (name: string, end: (index: 0 | 1) => Effect.Effect<void, unknown, WaitFd>) =>
    cpuSide(name, trips, () => run(Effect.all([end(0), end(1)], { concurrency: 2, discard: true })))
  const waits = ours("waitFd", (index) => waiting(ends[index], index === 0, trips))
  const waitFirst = ours("lease.io, wait first", (index) => leased(leases[index], index === 0, trips, "wait"))
  const tryFirst = ours("lease.io, try first", (index) => leased(leases[index], index === 0, trips, "try"))
  const node = cpuSide("node:net", trips, () => socketTrips(...sockets, trips))
  const program = compile(new URL("roundTrip.c", import.meta.url))
  const compiled: ReadonlyArray<Side> =
    program === undefined
      ? []
      : [
          {
            name: "C, epoll one-shot",
            round: async () => Number(execFileSync(program, [String(trips)], { encoding: "utf8" }))
          }
        ]

  const figures = yield* Effect.promise(() => alternate(scale, [...compiled, waits, waitFirst, tryFirst, node]))
  close(ends)
  for (const socket of sockets) socket.destroy()

  const row = (ours: Side, against: Side | undefined, target: Target): Row =>
    against === undefined
      ? { measure: `round trip, ${ours.name}`, ours: "–", against: "C: there is no compiler here", unit: "x", target }
      : ratioRow({ measure: `round trip, ${ours.name}`, ours, against, figures, unit: "us", target })
  return [
    ...[waits, waitFirst, tryFirst].map((side) => row(side, compiled[0], { relation: "<=", must: 3, aim: 2.4 })),
    ...[waits, waitFirst, tryFirst].map((side) => row(side, node, { relation: "<=", must: 1.7, aim: 1.3 }))
  ]
})

export const measure: Measure = (scale) =>
  Effect.runPromise(rows(scale).pipe(Effect.scoped, Effect.provide(Green.layer)))
