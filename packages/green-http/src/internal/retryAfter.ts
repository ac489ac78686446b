import type { RawHeaders } from "../HttpExchange.ts"
import * as Headers from "../HttpHeaders.ts"

/** What `Retry-After` says, in milliseconds from now: seconds, or a date (RFC 9110, 10.2.3). 0 if it says nothing. */
export const retryAfter = (headers: RawHeaders, now: number): number => {
  const value = Headers.get(headers, "retry-after")?.trim()
  if (value === undefined) return 0
  if (/^\d+$/.test(value)) return Number(value) * 1000
  const date = Date.parse(value)
  return Number.isNaN(date) ? 0 : Math.max(0, date - now)
}
