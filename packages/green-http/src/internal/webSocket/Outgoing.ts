/**
 * The way out of a WebSocket: frames in order, no faster than the connection takes them.
 */
import * as Effect from "effect/Effect"
import type { Duplex } from "node:stream"
import type { HttpError } from "../../HttpError.ts"
import type { Message } from "../../WebSocket.ts"
import { closeFrame, frame, Opcode } from "./frames.ts"

interface Waiting {
  readonly message: Message
  readonly resume: (outcome: Effect.Effect<void, HttpError>) => void
}

export class Outgoing {
  readonly #socket: Duplex
  readonly #waiting = new Set<Waiting>()
  /** What a ping has said that is to be answered when there is room. The last one is enough. */
  #pong: Uint8Array | undefined
  #isShut = false

  constructor(socket: Duplex) {
    this.#socket = socket
    socket.on("drain", () => this.#flush())
  }

  /** Ends when the message is on its way. `problem` says why nothing can be sent. */
  send(message: Message, problem: () => Effect.Effect<never, HttpError> | undefined): Effect.Effect<void, HttpError> {
    return Effect.callback((resume) => {
      const refused = problem()
      if (refused !== undefined) resume(refused)
      else if (this.#socket.writableNeedDrain || this.#waiting.size > 0) {
        const waiting = { message, resume }
        this.#waiting.add(waiting)
        return Effect.sync(() => {
          this.#waiting.delete(waiting)
        })
      } else {
        this.#write(message)
        resume(Effect.void)
      }
      return undefined
    })
  }

  pong(payload: Uint8Array): void {
    if (this.#isShut) return
    if (this.#socket.writableNeedDrain) this.#pong = payload
    else this.#socket.write(frame(Opcode.pong, payload))
  }

  /** The last frame, once; it goes before those who wait. */
  close(code: number | undefined, reason?: string): void {
    if (this.#isShut) return
    this.#isShut = true
    this.#socket.write(closeFrame(code, reason))
  }

  /** Those who wait will not have their turn. */
  refuse(outcome: Effect.Effect<void, HttpError>): void {
    const waiting = [...this.#waiting]
    this.#waiting.clear()
    for (const { resume } of waiting) resume(outcome)
  }

  #flush(): void {
    const pong = this.#pong
    this.#pong = undefined
    if (pong !== undefined) this.pong(pong)
    for (const waiting of this.#waiting) {
      if (this.#socket.writableNeedDrain) return
      this.#waiting.delete(waiting)
      this.#write(waiting.message)
      waiting.resume(Effect.void)
    }
  }

  #write(message: Message): void {
    this.#socket.write(frame(typeof message === "string" ? Opcode.text : Opcode.binary, message))
  }
}
