/**
 * The tracer and the logger of a program that runs in a job: what it makes is made on the host. Its spans have identities
 * of their own here; the tracer of the host gives them theirs.
 */
import type * as Cause from "effect/Cause"
import type * as Exit from "effect/Exit"
import type * as Logger from "effect/Logger"
import * as Pipeable from "effect/Pipeable"
import { CurrentLogAnnotations, CurrentLogSpans } from "effect/References"
import * as Tracer from "effect/Tracer"
import { toAttributes, toThrown } from "../thrown.ts"
import type { Attributes, Link, Reason, SpanName } from "../wire.ts"
import { type Port, current } from "./Port.ts"
import { tellAttribute, tellEnd, tellEvent, tellLinks, tellLog, tellStart } from "./telling.ts"

/** The numbers that the job's spans have on the wire. */
const numbers = new WeakMap<Tracer.AnySpan, number>()

/** The span in which a job is, as a parent for its programs. */
export const parentOf = (port: Port): Tracer.AnySpan | undefined => {
  if (port.context?.span === undefined && port.span === 0) return undefined
  const parent = Tracer.externalSpan(port.context?.span ?? { traceId: "", spanId: "" })
  numbers.set(parent, port.span)
  return parent
}

/** The nearest span of the job that it is, or is within. */
export const numberOf = (span: Tracer.AnySpan | undefined): number | undefined => {
  let each = span
  while (each !== undefined) {
    const number = numbers.get(each)
    if (number !== undefined) return number
    each = each._tag === "Span" && each.parent._tag === "Some" ? each.parent.value : undefined
  }
  return undefined
}

const nameOf = (span: Tracer.AnySpan): SpanName =>
  numberOf(span) ?? { traceId: span.traceId, spanId: span.spanId, sampled: span.sampled }

const linksOf = (links: ReadonlyArray<Tracer.SpanLink>): ReadonlyArray<Link> =>
  links.map(({ attributes, span }) => ({ span: nameOf(span), attributes: toAttributes(attributes) }))

/** The port while its job runs: what goes on afterwards tells nobody. */
interface Line {
  readonly port: Port
  readonly job: number
}

const isOpen = ({ job, port }: Line): boolean => current() === port && port.job === job

class BridgeSpan extends Tracer.NativeSpan {
  readonly #line: Line
  readonly #number: number

  constructor(line: Line, options: Parameters<Tracer.Tracer["span"]>[0]) {
    super(options)
    const { kind, name, parent, root, sampled, startTime: time } = options
    this.#line = line
    const above = parent._tag === "Some" ? nameOf(parent.value) : 0
    const links = linksOf(options.links)
    const start = { parent: above, links, root: root || parent._tag === "None", name, kind, sampled, time }
    this.#number = isOpen(line) ? tellStart(line.port, start, {}) : 0
    numbers.set(this, this.#number)
  }

  get #port(): Port | undefined {
    return this.status._tag === "Started" && isOpen(this.#line) ? this.#line.port : undefined
  }

  override attribute(key: string, value: unknown): void {
    if (this.#port !== undefined) tellAttribute(this.#port, this.#number, key, value)
    super.attribute(key, value)
  }

  override event(name: string, time: bigint, attributes: Record<string, unknown> = {}): void {
    if (this.#port !== undefined) tellEvent(this.#port, this.#number, name, time, attributes)
    super.event(name, time, attributes)
  }

  override addLinks(links: ReadonlyArray<Tracer.SpanLink>): void {
    if (this.#port !== undefined) tellLinks(this.#port, this.#number, linksOf(links))
    super.addLinks(links)
  }

  override end(time: bigint, exit: Exit.Exit<unknown, unknown>): void {
    const failure = exit._tag === "Success" ? [] : reasonsOf(exit.cause)
    if (this.#port !== undefined) tellEnd(this.#port, this.#number, time, failure)
    super.end(time, exit)
  }
}

export const tracerOf = (port: Port): Tracer.Tracer => {
  const line = { port, job: port.job }
  return Tracer.make({ span: (options) => new BridgeSpan(line, options) })
}

/**
 * Not made by `effect/Logger`, which would load the file system and what comes with it: a megabyte for each thread.
 * `annotations` are those of the caller, which the host has.
 */
class BridgeLogger extends Pipeable.Class implements Logger.Logger<unknown, void> {
  readonly "~effect/Logger" = "~effect/Logger"
  readonly #line: Line
  readonly #annotations: Attributes

  constructor(line: Line, annotations: Attributes) {
    super()
    this.#line = line
    this.#annotations = annotations
  }

  log({ cause, date, fiber, logLevel, message }: Logger.Options<unknown>): void {
    const { port } = this.#line
    if (!isOpen(this.#line)) return
    tellLog(port, {
      level: logLevel,
      message: Array.isArray(message) ? message : [message],
      annotations: Object.fromEntries(
        Object.entries(fiber.getRef(CurrentLogAnnotations)).filter(([key, value]) => this.#annotations[key] !== value)
      ),
      logSpans: fiber.getRef(CurrentLogSpans),
      cause: reasonsOf(cause),
      time: date.getTime(),
      span: numberOf(fiber.cache.span) ?? port.span
    })
  }
}

export const loggerOf = (port: Port, annotations: Attributes): Logger.Logger<unknown, void> =>
  new BridgeLogger({ port, job: port.job }, annotations)

const reasonsOf = (cause: Cause.Cause<unknown>): ReadonlyArray<Reason> =>
  cause.reasons.map((reason) => {
    switch (reason._tag) {
      case "Interrupt":
        return { _tag: "Interrupt", fiber: reason.fiberId }
      case "Fail":
        return { _tag: "Fail", thrown: toThrown(reason.error) }
      case "Die":
        return { _tag: "Die", thrown: toThrown(reason.defect) }
    }
  })
