/**
 * A bar for what goes up and for what comes down. On a terminal it moves; elsewhere it is a line for every quarter.
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { GreenHttp, Progress, UndiciExchange } from "green-http"
import { once } from "node:events"
import { createServer } from "node:http"
import { setTimeout as pause } from "node:timers/promises"

const size = 16 * 1024 * 1024
const piece = new Uint8Array(256 * 1024)

/** Takes a file, or gives one, in no hurry. */
const server = Effect.acquireRelease(
  Effect.promise(async () => {
    const server = createServer(async (request, response) => {
      let bytes = 0
      for await (const chunk of request) {
        bytes += chunk.length
        await pause(1)
      }
      if (request.method === "PUT") return response.end(`${bytes} bytes are here`)
      response.setHeader("content-length", size)
      for (let sent = 0; sent < size; sent += piece.length) {
        response.write(piece)
        await pause(10)
      }
      return response.end()
    }).listen(0, "127.0.0.1")
    await once(server, "listening")
    return server
  }),
  (server) => Effect.sync(() => server.close().closeAllConnections())
)

const line = (name: string, part: number) =>
  `${name.padEnd(8)} ${"█".repeat(part * 24).padEnd(24, "░")} ${Math.floor(part * 100)} %`

/** Draws the transfer while it goes on. */
const withBar = <A, E>(
  direction: "upload" | "download",
  transfer: (progress: Progress.Progress) => Effect.Effect<A, E>
): Effect.Effect<A, E> => {
  const progress = Progress.make()
  let quarter = 0
  const draw = ({ bytes, total = bytes }: Progress.Change) => {
    const part = bytes / total
    if (process.stdout.isTTY) process.stdout.write(`\r${line(direction, part)}${part === 1 ? "\n" : ""}`)
    else while (quarter < Math.floor(part * 4)) console.log(line(direction, ++quarter / 4))
  }
  const bar = progress.changes.pipe(
    Stream.filter((change) => change.direction === direction),
    Stream.runForEach((change) => Effect.sync(() => draw(change)))
  )
  return Effect.map(Effect.all([transfer(progress), bar], { concurrency: "unbounded" }), ([result]) => result)
}

const program = Effect.gen(function* () {
  const address = (yield* server).address()
  const port = typeof address === "object" ? address?.port : undefined
  const http = yield* GreenHttp.make({ baseUrl: `http://127.0.0.1:${port}` })

  const answer = yield* withBar("upload", (progress) =>
    Effect.flatMap(http.put("/file", { body: new Uint8Array(size), progress }), (response) => response.text)
  )
  console.log(answer)

  const file = yield* withBar("download", (progress) =>
    Effect.flatMap(http.get("/file", { progress }), (response) => response.bytes)
  )
  console.log(`${file.length} bytes are back`)
})

await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(UndiciExchange.layer())))
