/**
 * `performing`: what a job knows of itself while it runs, and what it tells its caller: interruption, the caller's span,
 * annotations and references, logs and spans.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type { LogLevel, Severity } from "effect/LogLevel"
import { typedReceiver } from "../internal/codec.ts"
import { toThrown } from "../internal/thrown.ts"
import type { Attributes } from "../internal/wire.ts"
import { type Caller, portFor } from "../internal/worker/blocking.ts"
import { now, tellAttribute, tellEnd, tellLog, tellStart } from "../internal/worker/telling.ts"
import type { SharedReference } from "../SharedReference.ts"
import { PerformError, WaitInterrupted } from "./PerformError.ts"

/**
 * The span of the caller, as other systems name it.
 *
 * @category models
 * @since 0.1.0
 */
export interface CallerSpan {
  readonly traceId: string
  readonly spanId: string
  readonly sampled: boolean
}

/**
 * The options of `performing.withSpan`.
 *
 * @category models
 * @since 0.1.0
 */
export interface SpanOptions {
  /** What cannot be sent to another thread goes as its text. */
  readonly attributes?: Readonly<Record<string, unknown>>
  /** `"internal"` unless said. */
  readonly kind?: "internal" | "server" | "client" | "producer" | "consumer"
}

/**
 * What a job can ask and tell at any depth of its calls. All of it throws `MustBeInGreenlet` where no job runs.
 *
 * @category models
 * @since 0.1.0
 */
export interface Performing {
  /** Whether the job is interrupted. It stays so. For loops that compute, and would end early. */
  readonly interrupted: boolean
  /** Throws `WaitInterrupted` if the job is interrupted, as an operation does. */
  readonly check: () => void
  /**
   * The same for programs of Effect within the job: interrupts the fiber if the job is interrupted, and yields if not. A
   * program that performs nothing would not notice otherwise.
   */
  readonly checkpoint: Effect.Effect<void>
  /**
   * The program, interrupted when the job is, with its finalizers: it asks every 20 ms. For programs of Effect that wait
   * for descriptors or sleep, which performing operations alone would not end.
   */
  readonly interruptible: <A, E, R>(program: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  /** The span in which the job was called, if there is one. */
  readonly span: CallerSpan | undefined
  /** The log annotations of the caller: copies, or the texts of what cannot be cloned. */
  readonly annotations: Readonly<Record<string, unknown>>
  /**
   * The value that a reference has for the caller, or its default: the default too if the pool does not share it. Throws a
   * `PerformError` with `InvalidReference` if its schema, here, refuses what was sent.
   */
  readonly get: <A>(reference: SharedReference<A>) => A
  /**
   * Logs on the host, by the loggers of the caller, with its annotations and in the span in which the job is: with the
   * level that the caller has for logs that say none, which is `"Info"` as a rule. Errors arrive with their stacks; what
   * cannot be cloned arrives as its text.
   */
  readonly log: (...message: ReadonlyArray<unknown>) => void
  readonly logTrace: (...message: ReadonlyArray<unknown>) => void
  readonly logDebug: (...message: ReadonlyArray<unknown>) => void
  readonly logInfo: (...message: ReadonlyArray<unknown>) => void
  readonly logWarning: (...message: ReadonlyArray<unknown>) => void
  readonly logError: (...message: ReadonlyArray<unknown>) => void
  readonly logFatal: (...message: ReadonlyArray<unknown>) => void
  /**
   * Calls the function within a span of the caller's tracer, below the one in which the job is. It ends with the call, as
   * failed if that throws. Operations that are performed within it have their handlers' spans below it.
   */
  readonly withSpan: <A>(name: string, f: () => A, options?: SpanOptions) => A
  /** Adds an attribute to the innermost span of `withSpan`; says nothing outside of one. */
  readonly annotateSpan: (key: string, value: unknown) => void
}

const logger = (level: Severity | undefined): Performing["log"] => {
  const log = (...message: ReadonlyArray<unknown>): void => {
    const port = portFor("performing.log", log)
    const least = port.context?.minimumLogLevel
    if (level !== undefined && levels.indexOf(level) < levels.findIndex((each) => each === least)) return
    tellLog(port, { level, message, annotations: {}, logSpans: [], cause: [], span: port.span })
  }
  return log
}

/** From the least. `effect/LogLevel` knows them too, and is one more module for each thread. */
const levels: ReadonlyArray<LogLevel> = ["All", "Trace", "Debug", "Info", "Warn", "Error", "Fatal", "None"]

const noAnnotations: Attributes = {}

/** The port of the job, for a property: the stack of an error begins where it was read. */
const portOf = (property: string) => portFor(`performing.${property}`, portOf)

const check = (): void => {
  if (portFor("performing.check", check).interrupted) throw interrupted(check)
}

const interrupted = (caller: Caller): WaitInterrupted => {
  const error = new WaitInterrupted({ operation: "performing.check" })
  Error.captureStackTrace(error, caller)
  return error
}

const checkpoint = Effect.suspend(() => (portOf("checkpoint").interrupted ? Effect.interrupt : Effect.yieldNow))

const interruptible = <A, E, R>(program: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.raceFirst(program, Effect.forever(Effect.andThen(checkpoint, Effect.sleep(20))))

const get = <A>(shared: SharedReference<A>): A => {
  const sent = portFor("performing.get", get).context?.references
  if (sent === undefined || !Object.hasOwn(sent, shared.key)) return shared.reference.defaultValue()
  try {
    return typedReceiver(shared.schema)(sent[shared.key])
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error)
    throw new PerformError({ operation: shared.key, reason: { _tag: "InvalidReference", problem } })
  }
}

const withSpan = <A>(name: string, f: () => A, { attributes = {}, kind = "internal" }: SpanOptions = {}): A => {
  const port = portFor("performing.withSpan", withSpan)
  const parent = port.span
  const start = { parent, root: false, links: [], name, kind, sampled: true, time: now() }
  const span = tellStart(port, start, attributes)
  port.span = span
  try {
    const value = f()
    tellEnd(port, span, now(), [])
    return value
  } catch (error) {
    tellEnd(port, span, now(), [
      error instanceof WaitInterrupted
        ? { _tag: "Interrupt", fiber: undefined }
        : { _tag: "Die", thrown: toThrown(error) }
    ])
    throw error
  } finally {
    port.span = parent
  }
}

const annotateSpan = (key: string, value: unknown): void => {
  const port = portFor("performing.annotateSpan", annotateSpan)
  if (port.span !== 0) tellAttribute(port, port.span, key, value)
}

/**
 * What a job knows of itself while it runs, and what it tells its caller.
 *
 * @example
 * ```ts count.ts
 * import { performing } from "green-blocking/worker"
 *
 * export const primes = (below: number): number => {
 *   let count = 0
 *   for (let n = 2; n < below && !performing.interrupted; n++) {
 *     let isPrime = true
 *     for (let d = 2; d * d <= n && isPrime; d++) isPrime = n % d !== 0
 *     if (isPrime) count++
 *   }
 *   performing.log(`${count} primes below ${below}`)
 *   return count
 * }
 * ```
 *
 * @example
 * ```ts
 * import { assert } from "@effect/vitest"
 * import * as Effect from "effect/Effect"
 * import * as RpcGroup from "effect/rpc/RpcGroup"
 * import { green, GreenWorkers } from "green-blocking"
 *
 * const primes = green(() => import("./count.ts"), new URL("./count.ts", import.meta.url), "primes")
 *
 * const count = primes(100).pipe(Effect.annotateLogs("user", "ann"), Effect.provide(GreenWorkers.layer(RpcGroup.make())))
 * assert.strictEqual(await Effect.runPromise(count), 25)
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const performing: Performing = {
  get interrupted() {
    return portOf("interrupted").interrupted
  },
  check,
  checkpoint,
  interruptible,
  get span() {
    return portOf("span").context?.span
  },
  get annotations() {
    return portOf("annotations").context?.annotations ?? noAnnotations
  },
  get,
  log: logger(undefined),
  logTrace: logger("Trace"),
  logDebug: logger("Debug"),
  logInfo: logger("Info"),
  logWarning: logger("Warn"),
  logError: logger("Error"),
  logFatal: logger("Fatal"),
  withSpan,
  annotateSpan
}
