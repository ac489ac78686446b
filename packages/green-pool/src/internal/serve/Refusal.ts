/**
 * How a request is answered that its app does not answer.
 */

/** Why: see `RunInPool`. */
export type Reason = "full" | "closing" | "late" | "tooLarge" | "tooMuch" | "badRequest" | "notFound" | "failed"

export interface Refusal {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly text: string
}

export type Refusals = Readonly<Record<Reason, Refusal>>

/** The refusals of an app; `retryAfter` in seconds. */
export const refusals = (retryAfter: number): Refusals => {
  const plain = { "content-type": "text/plain" }
  const later = { ...plain, "retry-after": String(retryAfter) }
  const last = { ...plain, connection: "close" }
  return {
    full: { status: 503, headers: later, text: "Service Unavailable\n" },
    closing: { status: 503, headers: { ...later, connection: "close" }, text: "Service Unavailable\n" },
    late: { status: 504, headers: plain, text: "Gateway Timeout\n" },
    tooLarge: { status: 413, headers: last, text: "Content Too Large\n" },
    tooMuch: { status: 503, headers: { ...later, connection: "close" }, text: "Service Unavailable\n" },
    badRequest: { status: 400, headers: last, text: "Bad Request\n" },
    notFound: { status: 404, headers: plain, text: "Not Found\n" },
    failed: { status: 500, headers: plain, text: "Internal Server Error\n" }
  }
}
