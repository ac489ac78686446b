/**
 * How many bytes of bodies are held: those of one request, and those of all.
 */
import type { Reason } from "./Refusal.ts"

/** Who holds bytes, and gives them back in the end. */
export interface Holder {
  held: number
}

export class BodyBudget {
  readonly maxBytes: number
  readonly maxTotalBytes: number
  /** By all. */
  held = 0

  constructor(maxBytes: number, maxTotalBytes: number) {
    this.maxBytes = maxBytes
    this.maxTotalBytes = maxTotalBytes
  }

  /** What is wrong with a body of that length, before any of it is read. */
  foresee(length: number): Reason | undefined {
    if (length > this.maxBytes) return "tooLarge"
    return this.held + length > this.maxTotalBytes ? "tooMuch" : undefined
  }

  /** Takes bytes that have come; answers why they cannot be held, if so. */
  take(holder: Holder, bytes: number): Reason | undefined {
    if (holder.held + bytes > this.maxBytes) return "tooLarge"
    if (this.held + bytes > this.maxTotalBytes) return "tooMuch"
    holder.held += bytes
    this.held += bytes
    return undefined
  }

  giveBack(holder: Holder): void {
    this.held -= holder.held
    holder.held = 0
  }
}
