/**
 * The connections that are being made. When nobody is on the way to an origin any more, those to it are given up: an
 * interrupted request leaves no handshake behind that keeps the process alive.
 */
import type * as Net from "node:net"

export class Attempts {
  readonly #sockets = new Map<string, Set<Net.Socket>>()

  /** A socket that is about to connect. What is given back says that it has, or will not. */
  begin(origin: string, socket: Net.Socket): () => void {
    const sockets = this.#sockets.get(origin) ?? new Set()
    this.#sockets.set(origin, sockets.add(socket))
    return () => {
      sockets.delete(socket)
      if (sockets.size === 0) this.#sockets.delete(origin)
    }
  }

  giveUp(origin: string): void {
    for (const socket of this.#sockets.get(origin) ?? []) socket.destroy()
  }
}
