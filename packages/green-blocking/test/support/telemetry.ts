/** A logger and a tracer that keep what they are given, as plain data. */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import * as References from "effect/References"
import * as Tracer from "effect/Tracer"

export interface Logged {
  readonly level: string
  readonly message: unknown
  readonly annotations: Readonly<Record<string, unknown>>
  readonly labels: ReadonlyArray<string>
  readonly span: string | undefined
  readonly cause: ReadonlyArray<unknown>
}

export class Kept {
  readonly logs: Array<Logged> = []
  readonly spans: Array<Tracer.NativeSpan> = []

  readonly logger = Logger.make<unknown, void>(({ cause, fiber, logLevel, message }) => {
    const span = fiber.cache.span
    this.logs.push({
      level: logLevel,
      message,
      annotations: fiber.getRef(References.CurrentLogAnnotations),
      labels: fiber.getRef(References.CurrentLogSpans).map(([label]) => label),
      span: span?._tag === "Span" ? span.name : span?.spanId,
      cause: cause.reasons.map((reason) => (Cause.isFailReason(reason) ? reason.error : reason._tag))
    })
  })

  readonly tracer = Tracer.make({
    span: (options) => {
      const span = new Tracer.NativeSpan(options)
      this.spans.push(span)
      return span
    }
  })

  /** The program with this logger alone, and this tracer. */
  readonly watch = <A, E, R>(program: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    program.pipe(
      Effect.provideService(References.CurrentLoggers, new Set([this.logger])),
      Effect.provideService(Tracer.Tracer, this.tracer)
    )

  /** The spans, each as `above > name`, in the order in which they began. */
  get tree(): ReadonlyArray<string> {
    return this.spans.map((span) => {
      const parent = Option.getOrUndefined(span.parent)
      return parent === undefined ? span.name : `${parent._tag === "Span" ? parent.name : parent.spanId} > ${span.name}`
    })
  }
}

/** The names of the spans above, the nearest first. */
export const spansAbove: Effect.Effect<ReadonlyArray<string>> = Effect.contextWith(
  (context: Context.Context<never>) => {
    const names: Array<string> = []
    let span = Context.getOrUndefined(context, Tracer.ParentSpan)
    while (span?._tag === "Span") {
      names.push(span.name)
      span = Option.getOrUndefined(span.parent)
    }
    return Effect.succeed(names)
  }
)
