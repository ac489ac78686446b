/**
 * What of its caller's context a job is given: the span, log annotations, and the references that the pool shares.
 */
import type * as Context from "effect/Context"
import { CurrentLogAnnotations, MinimumLogLevel } from "effect/References"
import { ParentSpanKey } from "effect/Tracer"
import type { AnySpan } from "effect/Tracer"
import type { AnySharedReference } from "../../SharedReference.ts"
import { inspect } from "../cloneable.ts"
import { checkedSender } from "../codec.ts"
import { toAttributes } from "../thrown.ts"
import type { Attributes, JobContext } from "../wire.ts"

/** A reference whose value cannot be sent. */
export interface InvalidReference {
  readonly reference: string
  readonly problem: string
}

/** What the job is given; `undefined`, most often, if there is nothing. */
export const jobContextOf = (
  caller: Context.Context<never>,
  references: ReadonlyArray<AnySharedReference>
): JobContext | undefined | { readonly invalid: InvalidReference } => {
  const values = caller.mapUnsafe
  const span: AnySpan | undefined = values.get(ParentSpanKey)
  const annotations: Attributes | undefined = values.get(CurrentLogAnnotations.key)
  const minimumLogLevel: string | undefined = values.get(MinimumLogLevel.key)
  const own = references.filter(({ key }) => values.has(key))
  if (span === undefined && annotations === undefined && minimumLogLevel === undefined && own.length === 0) return
  const sent: Record<string, unknown> = {}
  for (const { key, schema } of own) {
    const encoded = encode(schema, values.get(key))
    if ("problem" in encoded) return { invalid: { reference: key, problem: encoded.problem } }
    sent[key] = encoded.value
  }
  return {
    ...(span === undefined ? {} : { span: { traceId: span.traceId, spanId: span.spanId, sampled: span.sampled } }),
    ...(annotations === undefined ? {} : { annotations: toAttributes(annotations) }),
    ...(minimumLogLevel === undefined ? {} : { minimumLogLevel }),
    ...(own.length === 0 ? {} : { references: sent })
  }
}

const encode = (
  schema: AnySharedReference["schema"],
  value: unknown
): { readonly value: unknown } | { readonly problem: string } => {
  let encoded: unknown
  try {
    encoded = checkedSender(schema)(value)
  } catch (error) {
    return { problem: error instanceof Error ? error.message : String(error) }
  }
  const { problem } = inspect(encoded)
  if (problem === undefined) return { value: encoded }
  return { problem: `its value${problem.path} cannot be sent to another thread: ${problem.problem}` }
}
