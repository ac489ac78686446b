/**
 * The process of the server: answers every request with the same forty-two bytes, as fast as it can, from a raw socket.
 */
import { createServer } from "node:net"

const body = "x".repeat(42)
const answer = Buffer.from(
  `HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: ${body.length}\r\n\r\n${body}`
)

const server = createServer((socket) => {
  socket.setNoDelay()
  socket.on("error", () => {})
  // A request of these clients comes in one piece, and ends with an empty line.
  socket.on("data", (bytes) => {
    let requests = 0
    for (let at = bytes.indexOf("\r\n\r\n"); at >= 0; at = bytes.indexOf("\r\n\r\n", at + 4)) requests++
    socket.write(requests === 1 ? answer : Buffer.concat(Array.from({ length: requests }, () => answer)))
  })
})

server.listen(0, "127.0.0.1", () => {
  const address = server.address()
  process.send?.(typeof address === "object" && address !== null ? address.port : 0)
})
