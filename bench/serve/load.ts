/**
 * The process of the clients: connections that are kept, each with one request at a time, as plain sockets.
 *
 * Is told a port, how many connections, and how many requests; answers how long they took.
 */
import { connect, type Socket } from "node:net"
import type { Load, Result } from "./clients.ts"

const request = Buffer.from("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")

/** Connected sockets, by port: they are kept from one load to the next. */
const kept = new Map<number, Array<Socket>>()

const open = (port: number): Promise<Socket> =>
  new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1", () => resolve(socket.off("error", reject).setNoDelay()))
    socket.once("error", reject)
  })

/** All answers have the same length, which the first one shows. */
const lengthOf = (answer: Buffer): number => {
  const text = answer.toString("latin1")
  const head = text.indexOf("\r\n\r\n") + 4
  const length = Number(/content-length: (\d+)/i.exec(text)?.[1] ?? Number.NaN)
  if (!text.startsWith("HTTP/1.1 200") || Number.isNaN(length)) throw new Error(`answered: ${text}`)
  return head + length
}

const run = async ({ connections, port, requests }: Load): Promise<Result> => {
  const sockets = kept.get(port) ?? []
  kept.set(port, sockets)
  while (sockets.length < connections) sockets.push(await open(port))
  const times = new Float64Array(requests)
  let sent = 0
  let answered = 0
  const start = performance.now()
  await new Promise<void>((resolve, reject) => {
    for (const socket of sockets) {
      let length = 0
      let bytes = 0
      let began = 0
      const send = (): void => {
        if (sent === requests) return
        sent++
        began = performance.now()
        socket.write(request)
      }
      socket.removeAllListeners()
      socket.on("error", reject)
      socket.on("close", () => reject(new Error("the server has closed a connection")))
      socket.on("data", (chunk: Buffer) => {
        if (length === 0) length = lengthOf(chunk)
        bytes += chunk.length
        if (bytes < length) return
        bytes = 0
        times[answered++] = performance.now() - began
        if (answered === requests) resolve()
        else send()
      })
      send()
    }
  })
  const seconds = (performance.now() - start) / 1000
  times.sort()
  const at = (part: number): number => times[Math.min(requests - 1, Math.floor(part * requests))] ?? Number.NaN
  return { seconds, p50: at(0.5), p99: at(0.99) }
}

process.on("message", (load: Load) => {
  void run(load).then((result) => process.send?.(result))
})
