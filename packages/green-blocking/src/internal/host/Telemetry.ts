/**
 * The logs and spans of one job, as those of its caller: by the caller's loggers and tracer, below the caller's span.
 *
 * What a logger or a tracer throws is lost with what it was given, as in a fiber that nobody waits for.
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { Severity } from "effect/LogLevel"
import * as LogLevel from "effect/LogLevel"
import * as Option from "effect/Option"
import * as References from "effect/References"
import * as Tracer from "effect/Tracer"
import { placeOf } from "../declared.ts"
import { fromThrown } from "../thrown.ts"
import {
  type Attributes,
  type Link,
  type LogEntry,
  type Reason,
  type SpanName,
  type SpanStart,
  ToHost
} from "../wire.ts"

export class Telemetry {
  readonly #caller: Context.Context<never>
  readonly #job: string
  /** Those that have begun, in that order, and not ended. None, of most jobs. */
  #open: Map<number, Tracer.Span> | undefined
  /** All that there were: one may be a parent when it has ended. */
  #spans: Map<number, Tracer.Span> | undefined

  constructor(caller: Context.Context<never>, job: string) {
    this.#caller = caller
    this.#job = job
  }

  heard(message: ToHost): void {
    try {
      switch (message[0]) {
        case ToHost.log:
          this.#log(message[1])
          break
        case ToHost.spanStart:
          this.#start(message[1])
          break
        case ToHost.spanEvent:
          this.#open?.get(message[1])?.event(message[2], message[3], { ...message[4] })
          break
        case ToHost.spanAttribute:
          this.#open?.get(message[1])?.attribute(message[2], message[3])
          break
        case ToHost.spanLinks:
          this.#open?.get(message[1])?.addLinks(this.#linksOf(message[2]))
          break
        case ToHost.spanEnd:
          this.#end(message[1], message[2], this.#exitOf(message[3]))
          break
      }
    } catch {
      // Of a tracer: see above.
    }
  }

  /** The caller's context within this span of the job. */
  within(span: number): Context.Context<never> {
    const found = this.#spans?.get(span)
    return found === undefined ? this.#caller : Context.add(this.#caller, Tracer.ParentSpan, found)
  }

  /** The job is over: what it has not ended was interrupted, the innermost first. */
  end(): void {
    if (this.#open === undefined) return
    const time = this.#isTimed ? Context.get(this.#caller, Clock.Clock).currentTimeNanosUnsafe() : 0n
    for (const span of [...this.#open.keys()].toReversed()) {
      try {
        this.#end(span, time, Exit.interrupt())
      } catch {
        // As in `heard`.
      }
    }
  }

  #log(entry: LogEntry): void {
    const caller = this.within(entry.span)
    const { CurrentLogAnnotations, CurrentLoggers, CurrentLogLevel, CurrentLogSpans, MinimumLogLevel } = References
    const logLevel = isSeverity(entry.level) ? entry.level : Context.get(caller, CurrentLogLevel)
    if (LogLevel.isLessThan(logLevel, Context.get(caller, MinimumLogLevel))) return
    const message = entry.message.map((part) => fromThrown(part, placeOf(this.#job)))
    const cause = this.#causeOf(entry.cause)
    const date = new Date(entry.time)
    const context = caller.pipe(
      Context.add(CurrentLogAnnotations, { ...Context.get(caller, CurrentLogAnnotations), ...entry.annotations }),
      Context.add(CurrentLogSpans, [
        ...entry.logSpans.map(([label, start]): [string, number] => [label, start]),
        ...Context.get(caller, CurrentLogSpans)
      ])
    )
    Effect.runForkWith(context)(
      Effect.withFiber((fiber) => {
        for (const logger of fiber.getRef(CurrentLoggers)) logger.log({ message, logLevel, cause, fiber, date })
        return Effect.void
      })
    )
  }

  #start({ attributes, kind, links, name, parent, root, sampled, span, time }: SpanStart): void {
    const caller = this.#caller
    if (!Context.get(caller, References.TracerEnabled) || Context.get(caller, Tracer.DisablePropagation)) return
    const above = root ? undefined : propagated(this.#named(parent))
    const isSampled = LogLevel.isGreaterThanOrEqualTo(
      Context.get(caller, Tracer.CurrentTraceLevel),
      Context.get(caller, Tracer.MinimumTraceLevel)
    )
    const made = Context.get(caller, Tracer.Tracer).span({
      name,
      parent: Option.fromUndefinedOr(above),
      annotations: Context.empty(),
      links: [...Context.get(caller, References.TracerSpanLinks), ...this.#linksOf(links)],
      startTime: this.#isTimed ? time : 0n,
      kind,
      root,
      sampled: sampled && isSampled && above?.sampled !== false
    })
    ;(this.#open ??= new Map()).set(span, made)
    ;(this.#spans ??= new Map()).set(span, made)
    const given: Attributes = { ...Context.get(caller, References.TracerSpanAnnotations), ...attributes }
    for (const [key, value] of Object.entries(given)) made.attribute(key, value)
  }

  #end(span: number, time: bigint, exit: Exit.Exit<unknown, unknown>): void {
    const open = this.#open?.get(span)
    this.#open?.delete(span)
    open?.end(this.#isTimed ? time : 0n, exit)
  }

  #named(span: SpanName): Tracer.AnySpan | undefined {
    if (typeof span === "object") return Tracer.externalSpan(span)
    return this.#spans?.get(span) ?? Context.getOrUndefined(this.#caller, Tracer.ParentSpan)
  }

  #linksOf(links: ReadonlyArray<Link>): ReadonlyArray<Tracer.SpanLink> {
    return links.flatMap(({ attributes, span }) => {
      const named = this.#named(span)
      return named === undefined ? [] : [{ span: named, attributes }]
    })
  }

  get #isTimed(): boolean {
    return Context.get(this.#caller, References.TracerTimingEnabled)
  }

  #exitOf(failure: ReadonlyArray<Reason>): Exit.Exit<unknown, unknown> {
    return failure.length === 0 ? Exit.void : Exit.failCause(this.#causeOf(failure))
  }

  #causeOf(reasons: ReadonlyArray<Reason>): Cause.Cause<unknown> {
    return Cause.fromReasons(
      reasons.map((reason) => {
        if (reason._tag === "Interrupt") return Cause.makeInterruptReason(reason.fiber)
        const error = fromThrown(reason.thrown, placeOf(this.#job))
        return reason._tag === "Fail" ? Cause.makeFailReason(error) : Cause.makeDieReason(error)
      })
    )
  }
}

const isSeverity = (level: string | undefined): level is Severity =>
  LogLevel.values.some((each) => each === level && each !== "All" && each !== "None")

/** The nearest of the spans above that is not hidden from those below it. */
const propagated = (span: Tracer.AnySpan | undefined): Tracer.AnySpan | undefined => {
  let each = span
  while (each !== undefined && Context.get(each.annotations, Tracer.DisablePropagation)) {
    each = each._tag === "Span" ? Option.getOrUndefined(each.parent) : undefined
  }
  return each
}
