/**
 * The pool: Effects above the workers.
 */
import type * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import type * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import { Scheduler } from "effect/Scheduler"
import * as Stream from "effect/Stream"
import { Greenlet, type GreenTask } from "green-core"
import type {
  Dropped,
  GreenPool,
  MakeOptions,
  MapOptions,
  Mapped,
  Overflow,
  Refused,
  ShutdownOptions,
  Streamed,
  StreamOptions,
  SubmitOptions,
  TimedOut
} from "../GreenPool.ts"
import type { Input, InputError, InputServices, Item } from "../Input.ts"
import { PoolClosed, PoolFull, PoolOptionError } from "../PoolError.ts"
import type { Job } from "./Job.ts"
import { exits, toStream } from "./imap.ts"
import { Mapping } from "./Mapping.ts"
import { problem } from "./options.ts"
import { isTraced, PoolMetrics, withSpan } from "./observe.ts"
import { Rate } from "./Rate.ts"
import * as Nest from "./Nest.ts"
import { captureSubmitter } from "./submitter.ts"
import { inTurn, Task, waiting } from "./Task.ts"
import { Workers } from "./Workers.ts"

type AnyEffect = Effect.Effect<unknown, unknown, unknown>
type Work = (item: unknown, index: number) => AnyEffect

export class Pool implements GreenPool<Overflow> {
  readonly workers: Workers
  readonly #overflow: Overflow
  readonly #name: string | undefined
  readonly #context: Context.Context<never>
  readonly #metrics: PoolMetrics | undefined
  #timer: Fiber.Fiber<void> | undefined
  rejected = 0

  static make(options: MakeOptions<Overflow>): Effect.Effect<Pool, PoolOptionError> {
    return Effect.withFiber((fiber) => {
      const wrong = problem(options)
      return wrong === undefined ? Effect.succeed(new Pool(options, fiber)) : Effect.fail(wrong)
    })
  }

  private constructor(options: MakeOptions<Overflow>, fiber: Fiber.Fiber<unknown, unknown>) {
    const clock = fiber.getRef(Clock.Clock)
    const now = () => clock.currentTimeMillisUnsafe()
    const dispatcher = fiber.getRef(Scheduler).makeDispatcher()
    const { rate } = options
    this.#overflow = options.overflow ?? "suspend"
    this.#name = options.name
    this.#context = fiber.context
    this.workers = new Workers({
      maxWorkers: options.maxWorkers ?? 100,
      capacity: options.capacity ?? Infinity,
      keyLimit: options.keyLimit ?? Infinity,
      rate: rate === undefined ? undefined : new Rate(rate.limit, Duration.toMillis(rate.interval)),
      parent: Greenlet.currentUnsafe(),
      now,
      sleep: (milliseconds, wake) => {
        const alarm = Effect.andThen(Effect.sleep(milliseconds), Effect.sync(wake))
        this.#timer = Effect.runForkWith(this.#context)(alarm)
      },
      yieldNow: (next) => dispatcher.scheduleTask(next, 0)
    })
    this.#metrics = options.name === undefined ? undefined : new PoolMetrics(options.name, this, this.#context, now)
  }

  get maxWorkers(): number {
    return this.workers.maxWorkers
  }

  get size(): number {
    return this.workers.size
  }

  get idle(): number {
    return this.workers.size - this.workers.running
  }

  get running(): number {
    return this.workers.running
  }

  get queued(): number {
    return this.workers.queued
  }

  get closed(): boolean {
    return this.workers.closed
  }

  get paused(): boolean {
    return this.workers.paused
  }

  get inGreenWorker(): boolean {
    return this.#current !== undefined
  }

  submit<A, E, R, Options extends SubmitOptions = {}>(
    effect: Effect.Effect<A, E, R>,
    options?: Options
  ): Effect.Effect<GreenTask.GreenTask<A, E | Dropped<Overflow> | TimedOut<Options>>, PoolClosed | Refused<Overflow>, R>
  submit(effect: AnyEffect, options?: SubmitOptions): Effect.Effect<AnyTask, PoolClosed | PoolFull, unknown> {
    return Effect.contextWith((context: Context.Context<unknown>) => {
      const task = new Task(
        this.workers,
        this.#work(effect, context, options),
        context,
        options?.key,
        captureSubmitter()
      )
      return Effect.as(this.#admit(task, options), task)
    })
  }

  run<A, E, R, Options extends SubmitOptions = {}>(
    effect: Effect.Effect<A, E, R>,
    options?: Options
  ): Effect.Effect<A, E | PoolClosed | Refused<Overflow> | Dropped<Overflow> | TimedOut<Options>, R>
  run(effect: AnyEffect, options?: SubmitOptions): AnyEffect {
    return Effect.suspend(() => {
      const job = this.#current
      if (job !== undefined) return this.#runIn(job, effect, options)
      return Effect.uninterruptibleMask((restore) =>
        Effect.flatMap(restore(this.submit(effect, options)), (task) => joined(task, restore))
      )
    })
  }

  submitUnsafe<A, E, Options extends SubmitOptions = {}>(
    effect: Effect.Effect<A, E>,
    options?: Options
  ): GreenTask.GreenTask<A, E | Dropped<Overflow> | TimedOut<Options>>
  submitUnsafe(effect: Effect.Effect<unknown, unknown>, options?: SubmitOptions): AnyTask {
    if (this.workers.closed) throw this.#reject(new PoolClosed())
    const context = this.#context
    const task = new Task(this.workers, this.#work(effect, context, options), context, options?.key, captureSubmitter())
    if (!this.#enter(task, options)) throw this.#reject(new PoolFull({ queued: this.workers.queued }))
    return task
  }

  map<In extends Input, B, E, R, Options extends MapOptions = {}>(
    input: In,
    work: (item: Item<In>, index: number) => Effect.Effect<B, E, R>,
    options?: Options
  ): Effect.Effect<
    Mapped<B, Options>,
    E | InputError<In> | PoolClosed | Dropped<Overflow> | TimedOut<Options>,
    R | InputServices<In>
  >
  map(input: Input, work: Work, options?: MapOptions): AnyEffect {
    const discard = options?.discard === true
    return Effect.contextWith((context: Context.Context<unknown>) => {
      if (Stream.isStream(input) || !(Symbol.iterator in input) || this.#current !== undefined) {
        const results = this.#results(input, work, options, true)
        return discard ? Stream.runDrain(results) : Stream.runCollect(results)
      }
      return Effect.callback<unknown, unknown>((resume) => {
        const mapping = new Mapping(input, {
          workers: this.workers,
          work: this.#isPlain(context, options) ? work : this.#itemWork(work, context, options),
          context,
          submitter: captureSubmitter(),
          priority: priorityOf(options),
          key: options?.key,
          discard,
          done: (exit) => resume(discard ? Exit.asVoid(exit) : exit)
        })
        mapping.advance()
        return mapping.interrupt
      })
    })
  }

  imap<In extends Input, B, E, R, Options extends StreamOptions = {}>(
    input: In,
    work: (item: Item<In>, index: number) => Effect.Effect<B, E, R>,
    options?: Options
  ): Streamed<B, E | Dropped<Overflow> | TimedOut<Options>, InputError<In> | PoolClosed, R | InputServices<In>, Options>
  imap(input: Input, work: Work, options?: StreamOptions): Stream.Stream<unknown, unknown, unknown> {
    return this.#stream(input, work, options, true)
  }

  imapUnordered<In extends Input, B, E, R, Options extends StreamOptions = {}>(
    input: In,
    work: (item: Item<In>, index: number) => Effect.Effect<B, E, R>,
    options?: Options
  ): Streamed<B, E | Dropped<Overflow> | TimedOut<Options>, InputError<In> | PoolClosed, R | InputServices<In>, Options>
  imapUnordered(input: Input, work: Work, options?: StreamOptions): Stream.Stream<unknown, unknown, unknown> {
    return this.#stream(input, work, options, false)
  }

  setPriority(task: GreenTask.GreenTask<unknown, unknown>, priority: number): Effect.Effect<boolean> {
    return Effect.sync(
      () => task instanceof Task && task.workers === this.workers && this.workers.setPriority(task, priority || 0)
    )
  }

  get join(): Effect.Effect<void> {
    return Effect.suspend(() => {
      const job = this.#current
      if (job === undefined) return this.#when(() => this.workers.empty)
      return waiting(
        job,
        this.#when(() => this.workers.stalled)
      )
    })
  }

  whenQueuedBelow(count: number): Effect.Effect<void, PoolOptionError> {
    return count > 0
      ? this.#when(() => this.workers.queued < count)
      : Effect.fail(new PoolOptionError({ option: "whenQueuedBelow", value: count, expected: "a number above 0" }))
  }

  get clear(): Effect.Effect<number> {
    return Effect.sync(() => this.workers.clear())
  }

  get pause(): Effect.Effect<void> {
    return Effect.sync(() => this.workers.pause())
  }

  get resume(): Effect.Effect<void> {
    return Effect.sync(() => this.workers.unpause())
  }

  resize(maxWorkers: number): Effect.Effect<void, PoolOptionError> {
    return Effect.suspend(() => {
      const wrong = problem({ maxWorkers })
      if (wrong !== undefined) return Effect.fail(wrong)
      this.workers.resize(maxWorkers)
      return Effect.void
    })
  }

  shutdown(options?: ShutdownOptions): Effect.Effect<void> {
    return Effect.suspend(() => {
      const interrupt = options?.interrupt ?? false
      this.workers.close()
      if (interrupt !== false) this.workers.clear()
      if (interrupt === true) this.workers.interrupt()
      this.workers.advance()
      return this.join
    })
  }

  /** What the scope of the pool does when it closes. */
  get close(): Effect.Effect<void> {
    return Effect.andThen(
      this.shutdown({ interrupt: true }),
      Effect.sync(() => {
        this.#timer?.interruptUnsafe()
        this.#metrics?.remove()
      })
    )
  }

  /** The job of this pool in which the caller runs. */
  get #current(): Job | undefined {
    return this.workers.jobOf(Greenlet.currentUnsafe())
  }

  /** Whether nothing is said of the work. */
  #isPlain(context: Context.Context<never>, options: SubmitOptions | undefined): boolean {
    return options?.timeout === undefined && this.#metrics === undefined && !isTraced(context)
  }

  /** The effect with all that is said of it. */
  #work<A, E, R>(
    effect: Effect.Effect<A, E, R>,
    context: Context.Context<never>,
    options: SubmitOptions | undefined
  ): Effect.Effect<A, E | Cause.TimeoutError, R> {
    let work: Effect.Effect<A, E | Cause.TimeoutError, R> = effect
    if (options?.timeout !== undefined) work = Effect.timeout(work, options.timeout)
    if (isTraced(context)) work = withSpan(work, context, this.#name)
    return this.#metrics === undefined ? work : this.#metrics.measure(work)
  }

  /** The work for an item, which is done in its own task from the beginning. */
  #itemWork(work: Work, context: Context.Context<never>, options: SubmitOptions | undefined): Work {
    return (item, index) =>
      this.#work(
        Effect.suspend(() => work(item, index)),
        context,
        options
      )
  }

  /** Starts the task or queues it; answers whether there was room, or could be made. */
  #enter(job: Job, options: SubmitOptions | undefined): boolean {
    const priority = priorityOf(options)
    if (this.workers.admit(job, priority)) return true
    if (this.#overflow !== "drop-oldest") return false
    this.rejected++
    // Where nothing can be queued, the oldest is the newcomer.
    if (!this.workers.dropOldest() || !this.workers.admit(job, priority)) job.drop("outrun")
    return true
  }

  #admit(job: Job, options: SubmitOptions | undefined): Effect.Effect<void, PoolClosed | PoolFull> {
    return Effect.suspend((): Effect.Effect<void, PoolClosed | PoolFull> => {
      if (this.#overflow === "suspend") return this.#await(job, options)
      if (this.workers.closed) return Effect.fail(this.#reject(new PoolClosed()))
      if (this.#enter(job, options)) return Effect.void
      return Effect.fail(this.#reject(new PoolFull({ queued: this.workers.queued })))
    })
  }

  /** Gives the pool a job as soon as there is room. */
  #await(job: Job, options: SubmitOptions | undefined): Effect.Effect<void, PoolClosed> {
    return Effect.suspend(() => {
      if (this.workers.closed) return Effect.fail(this.#reject(new PoolClosed()))
      const priority = priorityOf(options)
      if (this.workers.admit(job, priority)) return Effect.void
      const room = Effect.callback<void, PoolClosed>((resume) => {
        const candidate = {
          job,
          priority,
          admitted: () => resume(Effect.void),
          refused: () => resume(Effect.fail(this.#reject(new PoolClosed())))
        }
        this.workers.await(candidate)
        return Effect.sync(() => this.workers.giveUp(candidate))
      })
      return this.#waiting(room)
    })
  }

  /** In a task of this pool, which must not keep its worker from those that it waits for. */
  #waiting<A, E>(effect: Effect.Effect<A, E>): Effect.Effect<A, E> {
    const job = this.#current
    return job === undefined ? effect : inTurn(job, this.workers.anyTurn, effect)
  }

  #when(holds: () => boolean): Effect.Effect<void> {
    return Effect.suspend(() => {
      if (holds()) return Effect.void
      return this.#waiting(
        Effect.callback((resume) => {
          const withdraw = this.workers.when({ holds, resume: () => resume(Effect.void) })
          this.workers.advance()
          return Effect.sync(withdraw)
        })
      )
    })
  }

  #runIn(host: Job, effect: AnyEffect, options: SubmitOptions | undefined): AnyEffect {
    return Effect.contextWith((context: Context.Context<unknown>) => {
      const work = this.#work(effect, context, options)
      const task = new Task(this.workers, work, context, undefined, captureSubmitter())
      return Effect.uninterruptibleMask((restore) => {
        Nest.occupy(host)
        return Effect.ensuring(
          inTurn(host, { take: () => (task.waits ? task : undefined) }, joined(task, restore)),
          Effect.sync(() => {
            Nest.vacate(host)
            this.workers.advance()
          })
        )
      })
    })
  }

  #stream(input: Input, work: Work, options: StreamOptions | undefined, ordered: boolean): AnyStream {
    if (options?.exits === true) return this.#exits(input, work, options, ordered)
    return this.#results(input, work, options, ordered)
  }

  #results(input: Input, work: Work, options: SubmitOptions | undefined, ordered: boolean): AnyStream {
    return Stream.mapEffect(this.#exits(input, work, options, ordered), (exit) => exit)
  }

  #exits(
    input: Input,
    work: Work,
    options: SubmitOptions | undefined,
    ordered: boolean
  ): Stream.Stream<Exit.Exit<unknown, unknown>, unknown, unknown> {
    return Stream.unwrap(
      Effect.contextWith((context: Context.Context<unknown>) =>
        Effect.succeed(
          exits(this.workers, toStream(input), this.#itemWork(work, context, options), {
            key: options?.key,
            ordered: ordered || this.#current !== undefined,
            admit: (item) => this.#await(item, options)
          })
        )
      )
    )
  }

  #reject<E>(error: E): E {
    this.rejected++
    return error
  }
}

type AnyTask = GreenTask.GreenTask<unknown, unknown>
type AnyStream = Stream.Stream<unknown, unknown, unknown>

const joined = <A, E>(
  task: GreenTask.GreenTask<A, E>,
  restore: <B, F, R>(effect: Effect.Effect<B, F, R>) => Effect.Effect<B, F, R>
): Effect.Effect<A, E> => Effect.onInterrupt(restore(task), () => task.interrupt)

/** NaN has no place in an order. */
const priorityOf = (options: SubmitOptions | undefined): number => options?.priority || 0
