/**
 * A connection inside the process: two sockets, each of which reads what the other writes.
 *
 * node:http and undici take them for connections of the system: there is back-pressure, half-close and reset. What the
 * one does is seen by the other in a later tick, never within the call.
 */
import { Socket } from "node:net"

type Callback = (error?: Error | null) => void

export class MemorySocket extends Socket {
  /** As TLS sockets have it: by this applications tell https from http. */
  readonly encrypted: boolean
  /** How the other side's end comes out on this one: a server is reset, a client reads to the end first. */
  readonly #side: "client" | "server"
  #peer: MemorySocket | undefined
  /** Who has written, and waits until the other side has room. */
  #written: Callback | undefined

  constructor(side: "client" | "server", encrypted: boolean) {
    // As Node's own servers and clients are.
    super({ allowHalfOpen: side === "server" })
    this.#side = side
    this.encrypted = encrypted
  }

  /** The client's side and the server's of a new connection. */
  static pair(encrypted: boolean): readonly [client: MemorySocket, server: MemorySocket] {
    const client = new MemorySocket("client", encrypted)
    const server = new MemorySocket("server", encrypted)
    client.#peer = server
    server.#peer = client
    return [client, server]
  }

  // There is nothing that would keep the process alive.
  override ref(): this {
    return this
  }

  override unref(): this {
    return this
  }

  override _read(): void {
    if (this.#peer !== undefined) this.#peer.#acknowledge()
  }

  override _write(chunk: string | Uint8Array, encoding: BufferEncoding, callback: Callback): void {
    this.#send(toBytes(chunk, encoding), callback)
  }

  override _writev(
    chunks: ReadonlyArray<{ readonly chunk: string | Uint8Array; readonly encoding: BufferEncoding }>,
    callback: Callback
  ): void {
    this.#send(Buffer.concat(chunks.map(({ chunk, encoding }) => toBytes(chunk, encoding))), callback)
  }

  override _final(callback: Callback): void {
    const peer = this.#peer
    process.nextTick(() => {
      peer?.push(null)
      callback()
    })
  }

  override _destroy(error: Error | null, callback: Callback): void {
    const peer = this.#peer
    this.#peer = undefined
    // The calls of `write` fail with the socket.
    this.#written = undefined
    if (peer !== undefined) process.nextTick(() => peer.#hungUp(error))
    super._destroy(error, callback)
  }

  #send(bytes: Uint8Array, callback: Callback): void {
    process.nextTick(() => {
      const peer = this.#peer
      if (peer === undefined) callback(reset())
      else if (peer.push(bytes)) callback()
      else this.#written = callback
    })
  }

  #acknowledge(error?: Error): void {
    const written = this.#written
    this.#written = undefined
    written?.(error)
  }

  #hungUp(error: Error | null): void {
    this.#peer = undefined
    if (this.destroyed) return
    const clean = this.readableEnded || this.writableFinished
    if (this.#side === "server") this.destroy(clean ? undefined : reset())
    // What has arrived is read first.
    else if (error !== null) setImmediate(() => this.destroy(error))
    else this.push(null)
    this.#acknowledge(reset())
  }
}

// The class of Node has a getter there, its type a property.
Object.defineProperty(MemorySocket.prototype, "remoteAddress", { value: "127.0.0.1" })

const toBytes = (chunk: string | Uint8Array, encoding: BufferEncoding): Uint8Array =>
  typeof chunk === "string" ? Buffer.from(chunk, encoding) : chunk

const reset = (): Error =>
  Object.assign(new Error("the other side of the connection in memory has hung up"), { code: "ECONNRESET" })
