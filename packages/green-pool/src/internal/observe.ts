/**
 * What others may see of a pool: a span for each task, if there is a tracer, and metrics, if the pool has a name.
 */
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import * as Tracer from "effect/Tracer"

/** Effect's own tracer keeps spans that nobody sees. Only another one is worth their cost. */
export const isTraced = (context: Context.Context<never>): boolean =>
  Context.getOrUndefined(context, Tracer.Tracer) !== undefined

/** A span for the task, in that of the submitter and linked to it: it may have ended before the task starts. */
export const withSpan = <A, E, R>(
  effect: Effect.Effect<A, E, R>,
  context: Context.Context<never>,
  pool: string | undefined
): Effect.Effect<A, E, R> => {
  const submitter = Context.getOrUndefined(context, Tracer.ParentSpan)
  return Effect.withSpan(effect, "GreenPool.task", {
    kind: "consumer",
    attributes: pool === undefined ? {} : { pool },
    links: submitter === undefined ? [] : [{ span: submitter, attributes: {} }]
  })
}

/** What is read when somebody reads. */
export interface Counts {
  readonly size: number
  readonly running: number
  readonly queued: number
  readonly rejected: number
}

/** The metrics of one pool. Counts are read when somebody asks for them; times are kept as tasks run. */
export class PoolMetrics {
  readonly #context: Context.Context<never>
  readonly #now: () => number
  readonly #wait: Metric.Histogram<Duration.Duration>
  readonly #run: Metric.Histogram<Duration.Duration>
  readonly #registered: ReadonlyArray<Metric.Registration>

  constructor(pool: string, counts: Counts, context: Context.Context<never>, now: () => number) {
    const attributes = { pool }
    const gauge = (name: string, description: string, value: () => number) =>
      Metric.registerUnsafe(Metric.gauge(name, { description, attributes }), context, {
        get: () => ({ value: value() }),
        update: ignore,
        modify: ignore
      })
    this.#context = context
    this.#now = now
    this.#wait = Metric.timer("green_pool_wait", { description: "how long tasks were queued", attributes })
    this.#run = Metric.timer("green_pool_run", { description: "how long tasks ran", attributes })
    this.#registered = [
      gauge("green_pool_size", "workers", () => counts.size),
      gauge("green_pool_running", "tasks that run", () => counts.running),
      gauge("green_pool_queued", "tasks that wait for a worker", () => counts.queued),
      Metric.registerUnsafe(
        Metric.counter("green_pool_rejected", {
          description: "tasks refused or dropped",
          attributes,
          incremental: true
        }),
        context,
        { get: () => ({ count: counts.rejected, incremental: true }), update: ignore, modify: ignore }
      )
    ]
  }

  /** The effect, with its times kept. It counts as queued from now on. */
  measure<A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> {
    const submitted = this.#now()
    return Effect.suspend(() => {
      const started = this.#now()
      this.#wait.updateUnsafe(Duration.millis(started - submitted), this.#context)
      return Effect.ensuring(
        effect,
        Effect.sync(() => this.#run.updateUnsafe(Duration.millis(this.#now() - started), this.#context))
      )
    })
  }

  /** Takes the counts out of the registry. The times stay, as those of any metric. */
  remove(): void {
    for (const registration of this.#registered) registration.remove()
  }
}

const ignore = (): void => undefined
