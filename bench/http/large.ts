/**
 * The process of the server for large bodies: answers a GET with as many bytes as its path says, and anything else with
 * how many bytes came.
 */
import { createServer, type ServerResponse } from "node:http"

const chunk = Buffer.alloc(256 * 1024, "x")

/** As fast as the other side takes them. */
const send = (response: ServerResponse, size: number): void => {
  let left = size
  const more = (): void => {
    while (left > 0) {
      const part = left < chunk.length ? chunk.subarray(0, left) : chunk
      left -= part.length
      if (!response.write(part)) {
        response.once("drain", more)
        return
      }
    }
    response.end()
  }
  more()
}

const server = createServer((request, response) => {
  if (request.method === "GET") {
    const size = Number(request.url?.slice(1))
    response.setHeader("content-length", size)
    send(response, size)
    return
  }
  let received = 0
  request.on("data", (bytes: Uint8Array) => (received += bytes.length))
  request.on("end", () => response.end(String(received)))
})

server.listen(0, "127.0.0.1", () => {
  const address = server.address()
  process.send?.(typeof address === "object" && address !== null ? address.port : 0)
})
