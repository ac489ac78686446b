/**
 * What a job tells of itself, without being answered: logs and spans. What cannot be cloned goes as its text, so telling
 * never fails for what is told.
 */
import { toAttribute, toAttributes, toThrown } from "../thrown.ts"
import { type Attributes, type Link, type LogEntry, type Reason, type SpanStart, ToHost } from "../wire.ts"
import type { Port } from "./Port.ts"

export const tellLog = (
  port: Port,
  entry: Omit<LogEntry, "annotations" | "message" | "time"> & {
    readonly message: ReadonlyArray<unknown>
    readonly annotations: Attributes
    readonly time?: number
  }
): void =>
  port.say([
    ToHost.log,
    {
      ...entry,
      message: entry.message.map((part) => toThrown(part)),
      annotations: toAttributes(entry.annotations),
      time: entry.time ?? Date.now()
    }
  ])

/** Begins a span, and gives its number. */
export const tellStart = (
  port: Port,
  start: Omit<SpanStart, "span" | "attributes">,
  attributes: Attributes
): number => {
  const span = port.nextSpan()
  port.say([ToHost.spanStart, { ...start, span, attributes: toAttributes(attributes) }])
  return span
}

export const tellEvent = (port: Port, span: number, name: string, time: bigint, attributes: Attributes): void =>
  port.say([ToHost.spanEvent, span, name, time, toAttributes(attributes)])

export const tellLinks = (port: Port, span: number, links: ReadonlyArray<Link>): void =>
  port.say([ToHost.spanLinks, span, links])

export const tellAttribute = (port: Port, span: number, key: string, value: unknown): void =>
  port.say([ToHost.spanAttribute, span, key, toAttribute(value)])

export const tellEnd = (port: Port, span: number, time: bigint, failure: ReadonlyArray<Reason>): void =>
  port.say([ToHost.spanEnd, span, time, failure])

/** Now, in nanoseconds since 1970, to the microsecond. */
export const now = (): bigint => BigInt(Math.round((performance.timeOrigin + performance.now()) * 1000)) * 1000n
