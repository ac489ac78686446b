/**
 * A Fetch handler as a listener of node:http and of node:http2, so that the same server is behind every handler.
 */
import type { FetchHandler } from "green-http/MemoryExchange"
import { type IncomingMessage, ServerResponse } from "node:http"
import type { Http2ServerRequest, Http2ServerResponse } from "node:http2"
import { Readable } from "node:stream"
import { pipeline } from "node:stream/promises"

export const toNode =
  (handler: FetchHandler) =>
  (asked: IncomingMessage | Http2ServerRequest, answer: ServerResponse | Http2ServerResponse): void => {
    const controller = new AbortController()
    const request = toRequest(asked, controller.signal)
    answer.on("close", () => {
      // As the reason the request is held: the signal of one that is garbage is never aborted.
      if (!answer.writableEnded) controller.abort(request)
    })
    // As a server does, it hangs up when it fails.
    respond(request, answer, handler).catch(() => answer.destroy())
  }

const toRequest = (asked: IncomingMessage | Http2ServerRequest, signal: AbortSignal): Request => {
  const method = asked.method ?? "GET"
  const headers = asked.rawHeaders.flatMap((name, index): Array<[string, string]> =>
    index % 2 === 0 && !name.startsWith(":") ? [[name, asked.rawHeaders[index + 1] ?? ""]] : []
  )
  const body = method === "GET" || method === "HEAD" ? null : ReadableStream.from<Uint8Array>(asked)
  const url = new URL(`http://server.test${asked.url}`)
  return new Request(url, { method, headers, body, signal, duplex: "half" })
}

const respond = async (
  request: Request,
  answer: ServerResponse | Http2ServerResponse,
  handler: FetchHandler
): Promise<void> => {
  const response = await handler(request)
  if (request.signal.aborted) return response.body?.cancel()
  answer.statusCode = response.status
  if (answer instanceof ServerResponse) answer.statusMessage = response.statusText
  for (const [name, value] of response.headers) if (name !== "set-cookie") answer.setHeader(name, value)
  const cookies = response.headers.getSetCookie()
  if (cookies.length > 0) answer.setHeader("set-cookie", cookies)
  if (response.body === null) answer.end()
  else {
    if (answer instanceof ServerResponse) answer.flushHeaders()
    else answer.writeHead(response.status)
    await pipeline(Readable.fromWeb(response.body), answer)
  }
}
