/**
 * The context in which the handler of an operation runs: the services of its layer, and what is dynamic of the job's
 * caller. A layer may have been made within a span, or with annotations, of its own: those say nothing of the job.
 */
import * as Context from "effect/Context"
import * as References from "effect/References"
import * as Tracer from "effect/Tracer"
import type { AnySharedReference } from "../SharedReference.ts"

const dynamic: ReadonlyArray<string> = [
  Tracer.ParentSpanKey,
  Tracer.Tracer.key,
  Tracer.DisablePropagation.key,
  Tracer.CurrentTraceLevel.key,
  Tracer.MinimumTraceLevel.key,
  References.TracerEnabled.key,
  References.TracerTimingEnabled.key,
  References.TracerSpanAnnotations.key,
  References.TracerSpanLinks.key,
  References.CurrentLogAnnotations.key,
  References.CurrentLogLevel.key,
  References.CurrentLogSpans.key,
  References.CurrentLoggers.key,
  References.CurrentStackFrame.key,
  References.LogToStderr.key,
  References.MinimumLogLevel.key,
  References.UnhandledLogLevel.key
]

/** The services of the layer over those of the caller, with what is dynamic, and the references, of the caller alone. */
export const handlerContext = (
  caller: Context.Context<never>,
  layer: Context.Context<never>,
  references: ReadonlyArray<AnySharedReference> = []
): Context.Context<never> => {
  const values = new Map(caller.mapUnsafe)
  for (const [key, value] of layer.mapUnsafe) values.set(key, value)
  for (const key of dynamic) restore(values, caller, key)
  for (const { key } of references) restore(values, caller, key)
  return Context.makeUnsafe(values)
}

const restore = (values: Map<string, unknown>, caller: Context.Context<never>, key: string): void => {
  if (caller.mapUnsafe.has(key)) values.set(key, caller.mapUnsafe.get(key))
  else values.delete(key)
}
