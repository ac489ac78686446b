/**
 * A proxy in front of a server that does what networks do: it delays, splits, cuts, resets, swallows and refuses.
 *
 * It stands on a TCP port and, with the same number, on a Unix socket, and leads each to the same kind of place. It can
 * be told at any time how to behave, and counts. It knows nothing of PostgreSQL, so TLS and everything else pass.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { chmodSync, mkdtempSync, rmSync } from "node:fs"
import * as Net from "node:net"
import { tmpdir } from "node:os"
import * as Path from "node:path"
import { setImmediate as turn, setTimeout as sleep } from "node:timers/promises"

export type Direction = "toServer" | "toClient"

/**
 * - `Pass`: as if there were no proxy.
 * - `Delay`: every chunk is held for a time; one after the other, in each direction by itself.
 * - `Split`: every byte is sent by itself, with a turn of the loop in between.
 * - `Truncate`: of one direction `after` bytes more pass on each connection; then both sides are closed, cleanly (`end`)
 *   or by a reset. On a Unix socket, which has no reset, `reset` closes without a word.
 * - `BlackHole`: connections are accepted, nothing passes, nothing ends. What is held passes when another follows.
 * - `Refuse`: new connections are closed when they are accepted. Those that are open pass.
 */
export type Behaviour =
  | { readonly _tag: "Pass" }
  | { readonly _tag: "Delay"; readonly milliseconds: number }
  | { readonly _tag: "Split" }
  | {
      readonly _tag: "Truncate"
      readonly direction: Direction
      readonly after: number
      readonly close: "end" | "reset"
    }
  | { readonly _tag: "BlackHole" }
  | { readonly _tag: "Refuse" }

export interface Counts {
  /** Connections that were accepted, those that were then refused among them. */
  readonly accepted: number
  /** Those that a client holds open. */
  readonly open: number
  /** Bytes passed on, over all connections. */
  readonly toServer: number
  readonly toClient: number
}

/** Where a server listens: `port` on the host, and `.s.PGSQL.<port>` in the directory. */
export interface Address {
  readonly host: string
  readonly port: number
  readonly socketDirectory: string
}

export interface ChaosProxy extends Address {
  /** Changes how it behaves, for open connections as for new ones. At first it passes everything. */
  readonly behave: (behaviour: Behaviour) => Effect.Effect<void>
  /** Sends bytes to the clients that are open, as if the server had, between what it sends. */
  readonly inject: (bytes: Uint8Array) => Effect.Effect<void>
  /** Closes all open connections now. */
  readonly cut: (close: "end" | "reset") => Effect.Effect<void>
  readonly counts: Effect.Effect<Counts>
  /** Waits until the counts are as wanted. */
  readonly until: (wanted: (counts: Counts) => boolean) => Effect.Effect<Counts>
}

interface Connection {
  readonly client: Net.Socket
  /** None while the connection is in a black hole from its start. */
  server: Net.Socket | undefined
  /** What has passed since the behaviour was set. */
  readonly passed: { toServer: number; toClient: number }
}

/** A proxy for as long as the scope; at its end all connections are reset. */
export const make = (target: Address): Effect.Effect<ChaosProxy, never, Scope.Scope> =>
  Effect.gen(function* () {
    const directory = yield* Effect.acquireRelease(
      Effect.sync(() => {
        const directory = mkdtempSync(Path.join(tmpdir(), "green-pg-proxy-"))
        chmodSync(directory, 0o755)
        return directory
      }),
      (directory) => Effect.sync(() => rmSync(directory, { recursive: true, force: true }))
    )
    const counts = { accepted: 0, open: 0, toServer: 0, toClient: 0 }
    const connections = new Set<Connection>()
    const watchers = new Set<() => void>()
    let behaviour: Behaviour = { _tag: "Pass" }
    let ended = false
    let changed = Promise.withResolvers<void>()

    const counted = (change: () => void) => {
      change()
      // Whoever waits may go on at once and change how we behave: not in the middle of a step.
      queueMicrotask(() => {
        for (const watcher of [...watchers]) watcher()
      })
    }

    const close = (connection: Connection, how: "end" | "reset") => {
      // The one that is closed first decides how.
      if (!connections.delete(connection)) return
      for (const socket of [connection.client, connection.server]) {
        if (how === "reset") reset(socket)
        // What was passed on is still sent.
        else socket?.destroySoon()
      }
    }

    const isCut = (connection: Connection) =>
      behaviour._tag === "Truncate" && connection.passed[behaviour.direction] >= behaviour.after

    /** How many bytes of a chunk may pass in one go. */
    const share = (connection: Connection, direction: Direction, length: number) => {
      if (behaviour._tag === "Split") return 1
      if (behaviour._tag !== "Truncate" || behaviour.direction !== direction) return length
      return Math.min(length, behaviour.after - connection.passed[direction])
    }

    const passable = async () => {
      while (behaviour._tag === "BlackHole") await changed.promise
    }

    const pass = async (connection: Connection, direction: Direction, chunk: Buffer, to: Net.Socket) => {
      if (behaviour._tag === "Delay") await sleep(behaviour.milliseconds, undefined, { ref: false })
      for (let rest = chunk; rest.length > 0;) {
        await passable()
        const now = rest.subarray(0, share(connection, direction, rest.length))
        rest = rest.subarray(now.length)
        if (!connections.has(connection)) return
        await written(to, now)
        connection.passed[direction] += now.length
        counted(() => (counts[direction] += now.length))
        if (isCut(connection) && behaviour._tag === "Truncate") return close(connection, behaviour.close)
        if (behaviour._tag === "Split") await turn()
      }
    }

    const pump = async (connection: Connection, direction: Direction, from: Net.Socket, to: Net.Socket) => {
      try {
        for await (const chunk of from.iterator({ destroyOnReturn: false })) {
          await pass(connection, direction, chunk, to)
        }
        await passable()
        to.end()
      } catch {
        close(connection, "reset")
      }
    }

    const accept = async (client: Net.Socket, connect: () => Net.Socket) => {
      counted(() => {
        counts.accepted++
        counts.open++
      })
      client.on("error", () => {})
      client.once("close", () => counted(() => counts.open--))
      client.setNoDelay(true)
      if (behaviour._tag === "Refuse" || ended) return void client.destroy()
      const connection: Connection = { client, server: undefined, passed: { toServer: 0, toClient: 0 } }
      connections.add(connection)
      client.once("close", () => close(connection, "end"))
      await passable()
      if (isCut(connection) && behaviour._tag === "Truncate") return close(connection, behaviour.close)
      if (!connections.has(connection)) return
      const server = connect()
      connection.server = server
      server.setNoDelay(true)
      server.on("error", () => close(connection, "reset"))
      server.once("close", () => close(connection, "end"))
      await Promise.all([pump(connection, "toServer", client, server), pump(connection, "toClient", server, client)])
    }

    const listen = (address: Net.ListenOptions, connect: () => Net.Socket) =>
      Effect.acquireRelease(
        Effect.callback<Net.Server>((resume) => {
          const options = { allowHalfOpen: true, pauseOnConnect: true }
          const server = Net.createServer(options, (client) => void accept(client, connect))
          server.once("error", (cause) => resume(Effect.die(cause)))
          server.listen(address, () => resume(Effect.succeed(server)))
        }),
        (server) =>
          Effect.callback<void>((resume) => {
            server.close(() => resume(Effect.void))
          })
      )

    const tcp = yield* listen({ host: "127.0.0.1", port: 0 }, () =>
      Net.connect({ host: target.host, port: target.port, allowHalfOpen: true })
    )
    const address = tcp.address()
    const port = typeof address === "object" && address !== null ? address.port : 0
    yield* listen({ path: socketIn(directory, port), readableAll: true, writableAll: true }, () =>
      Net.connect({ path: socketIn(target.socketDirectory, target.port), allowHalfOpen: true })
    )

    const cut = (how: "end" | "reset") =>
      Effect.sync(() => {
        for (const connection of [...connections]) close(connection, how)
      })
    yield* Effect.addFinalizer(() => {
      ended = true
      return Effect.andThen(cut("reset"), behave({ _tag: "Pass" }))
    })
    const behave = (next: Behaviour) =>
      Effect.sync(() => {
        behaviour = next
        for (const connection of [...connections]) {
          connection.passed.toServer = connection.passed.toClient = 0
          if (next._tag === "Truncate" && next.after === 0) close(connection, next.close)
        }
        changed.resolve()
        changed = Promise.withResolvers()
      })
    return {
      host: "127.0.0.1",
      port,
      socketDirectory: directory,
      behave,
      inject: (bytes) =>
        Effect.promise(async () => {
          // Who has gone meanwhile hears nothing.
          await Promise.allSettled([...connections].map(({ client }) => written(client, Buffer.from(bytes))))
        }),
      cut,
      counts: Effect.sync(() => ({ ...counts })),
      until: (wanted) =>
        Effect.callback((resume) => {
          const look = () => {
            if (!wanted(counts)) return
            watchers.delete(look)
            resume(Effect.succeed({ ...counts }))
          }
          watchers.add(look)
          look()
          return Effect.sync(() => watchers.delete(look))
        })
    }
  })

const socketIn = (directory: string, port: number) => Path.join(directory, `.s.PGSQL.${port}`)

const reset = (socket: Net.Socket | undefined) => {
  // What is not yet connected, and a Unix socket, cannot be reset.
  if (socket?.remoteFamily === undefined) socket?.destroy()
  else socket.resetAndDestroy()
}

/** Waits until the system has taken it. */
const written = (socket: Net.Socket, chunk: Buffer): Promise<void> =>
  new Promise((resolve, reject) => {
    socket.write(chunk, (cause) => (cause === null || cause === undefined ? resolve() : reject(cause)))
  })
