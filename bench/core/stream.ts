/**
 * Sixty-four mebibytes from another process through a pipe: `FdStream.read` against `fs.createReadStream` and
 * `net.Socket`, each with the chunk size that it has by itself. Once by the clock, once by the CPU time of the reader.
 *
 * Most of the cost is fresh memory for the chunks. Hence a second comparison of those that reuse it: chunks that are lent,
 * and a socket with a buffer of its own.
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { FdIo, FdStream, Green, type WaitFd } from "green-core"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { createReadStream } from "node:fs"
import { Socket } from "node:net"
import type { Readable } from "node:stream"
import { compile } from "../compiler.ts"
import { alternate, type Measure, ratioRow, type Row, type Scale, type Side, summary, type Target } from "../harness.ts"
import { close } from "./system.ts"

const mebibyte = 2 ** 20

interface Reader {
  readonly name: string
  /** Reads to the end: how many bytes there were. */
  readonly read: (fd: number) => Promise<number>
  /** Node's file streams read in other threads, where reads have to block. */
  readonly blocking: boolean
}

const nodeReader = (name: string, blocking: boolean, open: (fd: number) => Readable): Reader => ({
  name,
  blocking,
  read: async (fd) => {
    let total = 0
    const stream = open(fd).on("data", (bytes: Uint8Array) => (total += bytes.byteLength))
    await once(stream, "close")
    return total
  }
})

const rows = Effect.fnUntraced(function* (scale: Scale) {
  const size = scale.count(64) * mebibyte
  const context = yield* Effect.context<FdIo | WaitFd>()
  const run = Effect.runPromiseWith(context)
  const [command, ...parameters] = writer(size)

  const ours = (name: string, chunks: "given" | "lent"): Reader => ({
    name,
    blocking: false,
    read: (fd) =>
      run(
        Stream.runFold(
          FdStream.read(fd, { chunks }),
          () => 0,
          (total, bytes) => total + bytes.byteLength
        )
      )
  })
  const given = ours("FdStream.read", "given")
  const lent = ours("FdStream.read, lent chunks", "lent")
  const file = nodeReader("fs.createReadStream", true, (fd) => createReadStream("", { fd }))
  const socket = nodeReader("net.Socket", false, (fd) => new Socket({ fd, readable: true, writable: false }))
  const reusing: Reader = {
    name: "net.Socket with onread",
    blocking: false,
    read: async (fd) => {
      let total = 0
      const callback = (count: number): boolean => {
        total += count
        return true
      }
      const onread = { buffer: Buffer.allocUnsafeSlow(65536), callback }
      await once(new Socket({ fd, readable: true, writable: false, onread }).resume(), "close")
      return total
    }
  }

  const open = Effect.fnUntraced(function* (blocking: boolean) {
    const pipe = yield* FdIo.makePipe
    yield* FdIo.setNonBlocking(pipe.writer, false)
    if (blocking) yield* FdIo.setNonBlocking(pipe.reader, false)
    return pipe
  })
  const side = ({ blocking, name, read }: Reader, clock: () => number): Side => ({
    name,
    round: async () => {
      const pipe = await run(open(blocking))
      const child = spawn(command, parameters, { stdio: ["ignore", pipe.writer, "inherit"] })
      const exit = once(child, "exit")
      await once(child, "spawn")
      close([pipe.writer])
      const start = clock()
      const total = await read(pipe.reader)
      const seconds = (clock() - start) / 1e6
      await exit
      if (total !== size) throw new Error(`${name}: ${total} bytes of ${size}`)
      return size / mebibyte / seconds
    }
  })

  const compared = async (how: string, unit: string, clock: () => number): Promise<ReadonlyArray<Row>> => {
    const ours = side(given, clock)
    const oursLent = side(lent, clock)
    const files = side(file, clock)
    const sockets = side(socket, clock)
    const socketsReusing = side(reusing, clock)
    const figures = await alternate(scale, [ours, files, oursLent, sockets, socketsReusing])
    const faster = summary(figures(files)).median > summary(figures(sockets)).median ? files : sockets
    const row = (ours: Side, against: Side) => ({ measure: `${ours.name}, ${how}`, ours, against, figures, unit })
    const target: Target = { relation: ">=", must: 1, aim: 1.5 }
    return [
      ratioRow({ ...row(ours, faster), target }),
      ratioRow({ ...row(oursLent, faster), target }),
      ratioRow(row(oursLent, socketsReusing))
    ]
  }
  return [
    ...(yield* Effect.promise(() => compared("by the clock", "MiB/s", () => performance.now() * 1e3))),
    ...(yield* Effect.promise(() =>
      compared("by CPU time", "MiB/s", () => {
        const { system, user } = process.cpuUsage()
        return user + system
      })
    ))
  ]
})

const writer = (size: number): readonly [string, ...Array<string>] => {
  const program = compile(new URL("writer.c", import.meta.url))
  return program === undefined ? ["head", "-c", String(size), "/dev/zero"] : [program, String(size)]
}

export const measure: Measure = (scale) => Effect.runPromise(rows(scale).pipe(Effect.provide(Green.layer)))
