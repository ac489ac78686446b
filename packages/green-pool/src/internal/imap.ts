/**
 * `imap` and `imapUnordered`: a fiber reads the input and gives each item to the pool; the consumer takes the results.
 */
import type * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Latch from "effect/Latch"
import * as Queue from "effect/Queue"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { Input } from "../Input.ts"
import { type PoolClosed, SourceError, type TaskDropped } from "../PoolError.ts"
import { Item } from "./Item.ts"
import type { Job } from "./Job.ts"
import { captureSubmitter } from "./submitter.ts"
import { readAhead, type Workers } from "./Workers.ts"

export interface ExitsOptions {
  readonly key: unknown
  readonly ordered: boolean
  /** Gives a job to the pool, when there is room for it. */
  readonly admit: (job: Job) => Effect.Effect<void, PoolClosed>
}

type Result<A, E> = Effect.Effect<Exit.Exit<A, E | TaskDropped>>

/** Any input as a stream that reads no item before it is asked to. */
export const toStream = (input: Input): Stream.Stream<unknown, unknown, unknown> => {
  if (Stream.isStream(input)) return input
  if (Symbol.asyncIterator in input) return Stream.fromAsyncIterable(input, (cause) => new SourceError({ cause }))
  return Stream.fromAsyncIterable(oneByOne(input), (cause) => new SourceError({ cause }))
}

async function* oneByOne<A>(items: Iterable<A>): AsyncGenerator<A> {
  yield* items
}

/** The exits of the items, as a stream. */
export const exits = <I, A, E, R, ES, RS>(
  workers: Workers,
  items: Stream.Stream<I, ES, RS>,
  work: (item: I, index: number) => Effect.Effect<A, E, R>,
  { admit, key, ordered }: ExitsOptions
): Stream.Stream<Exit.Exit<A, E | TaskDropped>, ES | PoolClosed, R | RS> =>
  Stream.unwrap(
    Effect.gen(function* () {
      const scope = yield* Scope.Scope
      const context = yield* Effect.context<R>()
      const submitter = captureSubmitter()
      const results = yield* Queue.unbounded<Result<A, E>, ES | PoolClosed | Cause.Done>()
      /** Open while an item may be read. */
      const window = Latch.makeUnsafe(true)
      const active = new Set<Item<A, E, R>>()
      let ahead = 0

      const look = () => {
        if (ahead < workers.maxWorkers + readAhead) window.openUnsafe()
        else window.closeUnsafe()
      }
      const told = (exit: Exit.Exit<A, E | TaskDropped>, item: Item<A, E, R>): void => {
        active.delete(item)
        if (!ordered) Queue.offerUnsafe(results, Effect.succeed(exit))
      }

      const pull = yield* Stream.toPull(items)
      let index = 0
      const feed = Effect.gen(function* () {
        for (;;) {
          yield* window.await
          for (const value of yield* pull) {
            yield* window.await
            const item = new Item(told, workers, work(value, index++), context, key, submitter)
            ahead++
            look()
            active.add(item)
            yield* admit(item)
            if (ordered) Queue.offerUnsafe(results, item.exit)
          }
        }
      })
      // Before the reading starts, so that the reading ends before the items do.
      yield* Effect.addFinalizer(() =>
        Effect.suspend(() => {
          const items = [...active]
          workers.interrupt(items)
          return Effect.forEach(items, (item) => item.interrupt, { discard: true })
        })
      )
      yield* Effect.forkIn(
        Effect.onExit(feed, (exit) => {
          if (exit._tag === "Success") return Effect.void
          const end = Queue.failCause(results, exit.cause)
          if (ordered) return end
          return Effect.andThen(
            Effect.forEach([...active], (item) => item.exit, { discard: true }),
            end
          )
        }),
        scope
      )

      let given = false
      return Stream.fromPull(
        Effect.succeed(
          Effect.suspend(() => {
            // Who asks for more is done with what he was given.
            if (given) ahead--
            given = false
            look()
            return Effect.map(Effect.flatten(Queue.take(results)), (exit) => {
              given = true
              return [exit] as const
            })
          })
        )
      )
    })
  )
