/**
 * Waiting for the body of a request of Node's, which its app then reads as if it came at that moment.
 */
import { Buffer } from "node:buffer"
import type { IncomingMessage } from "node:http"
import type { BodyBudget, Holder } from "./BodyBudget.ts"
import type { Reason } from "./Refusal.ts"

/** Whether there is one that nobody has read. */
export const hasBody = ({ headers, readableEnded }: IncomingMessage): boolean =>
  !readableEnded && (headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0)

/**
 * Reads until the end and puts all of it back, before the stream has told of its end; then `done`, once, with what is
 * wrong if something is. The result stops it. That the client leaves is not its matter.
 */
export const readBody = (
  request: IncomingMessage,
  holder: Holder,
  budget: BodyBudget,
  done: (wrong: Reason | undefined) => void
): (() => void) => {
  const chunks: Array<Buffer> = []
  let stopped = false
  const stop = (): void => {
    stopped = true
    request.off("readable", onReadable)
  }
  const finish = (wrong: Reason | undefined): void => {
    stop()
    done(wrong)
  }
  const onReadable = (): void => {
    // To read where there is nothing would end the stream, before its app listens.
    while (request.readableLength > 0) {
      const chunk: unknown = request.read()
      if (!Buffer.isBuffer(chunk)) break
      const wrong = budget.take(holder, chunk.length)
      if (wrong !== undefined) return finish(wrong)
      chunks.push(chunk)
    }
    if (!request.complete) return
    if (chunks.length > 0) request.unshift(chunks.length === 1 ? chunks[0] : Buffer.concat(chunks))
    finish(undefined)
  }
  const wrong = budget.foresee(Number(request.headers["content-length"] ?? 0))
  // Not at once: whoever listens to a stream that is found empty ends it.
  const start = (): void => {
    if (stopped) return
    if (request.complete) onReadable()
    else request.on("readable", onReadable)
  }
  if (wrong === undefined) process.nextTick(start)
  else done(wrong)
  return stop
}
