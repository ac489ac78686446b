/**
 * Waiting for the body of a `Request` of the Fetch standard.
 */
import type { BodyBudget, Holder } from "./BodyBudget.ts"
import type { Reason } from "./Refusal.ts"

/** The body, or what is wrong with it; `undefined` if it broke off, or is wanted no more. */
export const readWebBody = async (
  request: Request,
  holder: Holder,
  budget: BodyBudget,
  isWanted: () => boolean
): Promise<Blob | Reason | undefined> => {
  const wrong = budget.foresee(Number(request.headers.get("content-length") ?? 0))
  if (wrong !== undefined) return wrong
  const chunks: Array<Uint8Array<ArrayBuffer>> = []
  try {
    for await (const chunk of request.body ?? []) {
      if (!isWanted()) return undefined
      const wrong = budget.take(holder, chunk.length)
      if (wrong !== undefined) return wrong
      chunks.push(chunk)
    }
  } catch {
    return undefined
  }
  return new Blob(chunks)
}
