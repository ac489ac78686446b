/**
 * Waiting for the body of a request of Node's, which its app then reads as if it came at that moment.
 */
import { Buffer } from "node:buffer"
import type { IncomingMessage } from "node:http"
import type { BodyBudget, Holder } from "./BodyBudget.ts"
import type { Reason } from "./Refusal.ts"

/** Whether one is on its way. */
export const hasBody = ({ headers }: IncomingMessage): boolean =>
  headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0

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
  const stop = (): void => {
    request.off("readable", onReadable)
  }
  const finish = (wrong: Reason | undefined): void => {
    stop()
    done(wrong)
  }
  const onReadable = (): void => {
    for (let chunk = next(request); chunk !== undefined; chunk = next(request)) {
      const wrong = budget.take(holder, chunk.length)
      if (wrong !== undefined) return finish(wrong)
      chunks.push(chunk)
    }
    if (!request.complete) return
    if (chunks.length > 0) request.unshift(chunks.length === 1 ? chunks[0] : Buffer.concat(chunks))
    finish(undefined)
  }
  const wrong = budget.foresee(Number(request.headers["content-length"] ?? 0))
  if (wrong === undefined) request.on("readable", onReadable)
  else done(wrong)
  return stop
}

const next = (request: IncomingMessage): Buffer | undefined => {
  const chunk: unknown = request.read()
  return Buffer.isBuffer(chunk) ? chunk : undefined
}
