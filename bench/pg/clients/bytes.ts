/**
 * The least that can be done: the bytes of a hundred executions of a prepared statement in one write to a socket, and as
 * many bytes read as their answers have. Nothing is looked at.
 */
import * as Effect from "effect/Effect"
import { once } from "node:events"
import { connect, type Socket } from "node:net"
import type { Client } from "../../concurrently.ts"
import type { Open } from "../contest.ts"
import { hundred, texts } from "../works.ts"

/** A message of the frontend; the first of a session has no type. */
const message = (type: string, ...parts: ReadonlyArray<Uint8Array>): Buffer => {
  const body = Buffer.concat(parts)
  return Buffer.concat([Buffer.from(type), int32(body.length + 4), body])
}

const int32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(value)
  return bytes
}

const int16 = (value: number): Buffer => int32(value).subarray(2)

const text = (value: string): Buffer => Buffer.from(`${value}\0`)

const sync = message("S")

/** The unnamed portal of the statement, all rows, in binary. */
const execution = Buffer.concat([
  message("B", text(""), text("s"), int16(0), int16(0), int16(1), int16(1)),
  message("E", text(""), int32(0))
])

/** Sends, and reads until the server is ready so many times: the length of what it said. */
const converse = async (socket: Socket, request: Uint8Array, times: number): Promise<number> => {
  socket.write(request)
  let said = Buffer.alloc(0)
  let at = 0
  let ready = 0
  while (ready < times) {
    const [chunk]: ReadonlyArray<Buffer> = await once(socket, "data")
    if (chunk !== undefined) said = Buffer.concat([said, chunk])
    while (at + 5 <= said.length) {
      const next = at + 1 + said.readInt32BE(at + 1)
      if (next > said.length) break
      const type = said.toString("latin1", at, at + 1)
      if (type === "E") throw new Error(`the server says ${said.toString("utf8", at + 5, next)}`)
      if (type === "Z") ready++
      at = next
    }
  }
  return at
}

/** Sends so many batches, each when the one before is answered. */
const batches = (name: string, socket: Socket, batch: Uint8Array, answer: number): Client => ({
  name,
  slice: (operations) =>
    new Promise<void>((resolve) => {
      let left = operations
      let bytes = 0
      const heard = (chunk: Uint8Array): void => {
        bytes += chunk.length
        if (bytes < answer) return
        bytes = 0
        if (--left > 0) {
          socket.write(batch)
        } else {
          socket.off("data", heard)
          resolve()
        }
      }
      socket.on("data", heard)
      socket.write(batch)
    })
})

/** Sends one for each that is answered, whose answer and it are that long. */
const flow = (name: string, socket: Socket, batch: Uint8Array, answer: number): Client => ({
  name,
  slice: (operations) =>
    new Promise<void>((resolve) => {
      const all = operations * hundred
      const length = batch.length / hundred
      let sent = hundred
      let answered = 0
      let bytes = 0
      const heard = (chunk: Uint8Array): void => {
        bytes += chunk.length
        answered = Math.floor(bytes / answer)
        if (answered === all) {
          socket.off("data", heard)
          resolve()
          return
        }
        const more = Math.min(answered + hundred, all) - sent
        if (more > 0) socket.write(batch.subarray(0, more * length))
        sent += more
      }
      socket.on("data", heard)
      socket.write(batch)
    })
})

export const open: Open = (server) =>
  Effect.promise(async () => {
    const socket = connect(`${server.socketDirectory}/.s.PGSQL.${server.port}`)
    await once(socket, "connect")
    socket.once("close", () => {
      throw new Error("the server has closed the connection")
    })
    const settings = ["user", server.user, "database", server.database, ""].map(text)
    await converse(socket, message("", int32(196_608), ...settings), 1)
    await converse(socket, Buffer.concat([message("P", text("s"), text(texts.select), int16(0)), sync]), 1)

    const syncEach = Buffer.concat(Array.from({ length: hundred }, () => [execution, sync]).flat())
    const oneSync = Buffer.concat([...Array.from({ length: hundred }, () => execution), sync])
    const answers = await converse(socket, syncEach, hundred)
    return {
      "sync each": batches("sync each", socket, syncEach, answers),
      flow: flow("flow", socket, syncEach, answers / hundred),
      "sync once": batches("sync once", socket, oneSync, await converse(socket, oneSync, 1))
    }
  })
