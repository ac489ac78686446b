/**
 * A connection to the scripted server: its two sockets, the fiber in which its session runs, and the bytes on the way.
 *
 * The client reads from a real or a virtual socket, so it waits as for any server. What it writes reaches the session
 * within the call: the server waits for no descriptor, and so is never one of those who wait in a deadlock.
 */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Queue from "effect/Queue"
import * as Result from "effect/Result"
import { type FdError, type FdIo, WouldBlock } from "green-core"
import { constants } from "node:os"
import { type ClientMessage, read } from "./messages.ts"
import { type Outside, Session } from "./Session.ts"

const { EAGAIN, EBADF, EIO, EPIPE } = constants.errno

export interface Surroundings extends Pick<Outside, "script" | "types" | "notify"> {
  readonly io: FdIo["Service"]
  readonly context: Context.Context<FdIo>
}

export class Connection {
  /** The client's. */
  readonly socket: number
  readonly session: Session
  /** The server's, until it is closed. */
  #far: number | undefined
  readonly #io: FdIo["Service"]
  readonly #messages: Queue.Queue<ClientMessage>
  readonly #fiber: Fiber.Fiber<void>
  #isOpen = true
  /** Whether the server has ended it; what it has said before is still to be read. */
  #ended = false
  #received: Buffer = Buffer.alloc(0)
  /** What the socket did not take yet. */
  #unsent: Buffer = Buffer.alloc(0)

  constructor(
    processId: number,
    [near, far]: readonly [number, number],
    { context, io, notify, script, types }: Surroundings
  ) {
    this.socket = near
    this.#far = far
    this.#io = io
    this.session = new Session(processId, {
      script,
      types,
      notify,
      send: (bytes) => this.#answer(bytes),
      close: () => this.#end()
    })
    this.#messages = Effect.runSync(Queue.unbounded<ClientMessage>())
    const serving = Effect.forever(
      Effect.flatMap(Queue.take(this.#messages), (message) => this.session.handle(message))
    )
    this.#fiber = Effect.runForkWith(context)(Effect.orDie(serving))
  }

  get isOpen(): boolean {
    return this.#isOpen
  }

  /** As `send`: how many bytes were taken, or the negative errno. */
  send(bytes: Uint8Array): number {
    if (!this.#isOpen) return -EBADF
    if (this.#ended) return -EPIPE
    const all = Buffer.concat([this.#received, bytes])
    const taken = read(all, (message) => {
      if (!this.session.copyMessage(message)) Queue.offerUnsafe(this.#messages, message)
    })
    this.#received = all.subarray(taken)
    return bytes.length
  }

  /** As `recv`: how many bytes there were, 0 at the end, or the negative errno. */
  receive(bytes: Uint8Array): number {
    if (!this.#isOpen) return -EBADF
    const count = numberOf(Effect.runSync(Effect.result(this.#io.read(this.socket, bytes))))
    // What was read has made room.
    this.#write()
    return count
  }

  /** From the client's side. */
  close(): void {
    if (!this.#isOpen) return
    this.#isOpen = false
    this.#fiber.interruptUnsafe()
    this.#close(this.socket)
    this.#closeFar()
  }

  #end(): void {
    if (this.#ended) return
    this.#ended = true
    this.#fiber.interruptUnsafe()
    if (this.#unsent.length === 0) this.#closeFar()
  }

  #answer(bytes: Uint8Array): void {
    if (this.#ended || !this.#isOpen) return
    this.#unsent = Buffer.concat([this.#unsent, bytes])
    this.#write()
  }

  #write(): void {
    const far = this.#far
    if (far === undefined) return
    while (this.#unsent.length > 0) {
      const count = numberOf(Effect.runSync(Effect.result(this.#io.write(far, this.#unsent))))
      if (count <= 0) return
      this.#unsent = this.#unsent.subarray(count)
    }
    if (this.#ended) this.#closeFar()
  }

  #closeFar(): void {
    const far = this.#far
    this.#far = undefined
    if (far !== undefined) this.#close(far)
  }

  #close(fd: number): void {
    Effect.runSync(Effect.ignore(this.#io.close(fd)))
  }
}

const numberOf = (result: Result.Result<number | WouldBlock, FdError>): number => {
  if (Result.isSuccess(result)) return result.success === WouldBlock ? -EAGAIN : result.success
  const { reason } = result.failure
  return reason._tag === "System" ? -reason.errno : -EIO
}
