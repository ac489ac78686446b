/** Handlers of the operations of `streamOps.ts`, each with its own list of what has happened. */
import type * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import * as Stream from "effect/Stream"
import { Broken, StreamOps } from "../fixtures/streamOps.ts"

export const streamHandlers = (events: Array<string> = []) => {
  const say = (event: string) =>
    Effect.sync(() => {
      events.push(event)
    })
  return StreamOps.toLayer({
    Count: ({ chunk, name, to = Infinity }) =>
      Stream.unfold(0, (from: number) =>
        from >= to
          ? Effect.undefined
          : Effect.as(say(`${name} makes ${from}`), [
              Array.from({ length: Math.min(chunk, to - from) }, (_, index) => from + index),
              from + chunk
            ] as const)
      ).pipe(Stream.flattenIterable, Stream.ensuring(say(`${name} ends`))),
    Fails: ({ how }) =>
      Stream.concat(
        Stream.make(1, 2, how === "result" ? 0.5 : 3),
        how === "typed" ? Stream.fail(new Broken({ after: 3 })) : Stream.die(new Error("dead"))
      ),
    Functions: () => Stream.concat(Stream.make(1), Stream.make(2, { f: () => 1 })),
    Dates: () => Stream.make(new Date(1), new Date(2)),
    Queued: () =>
      Effect.gen(function* () {
        const queue = yield* Queue.make<string, Cause.Done>()
        yield* Queue.offerAll(queue, ["a", "b"])
        yield* Effect.forkScoped(Effect.andThen(Queue.offer(queue, "c"), Queue.end(queue)))
        return queue
      }),
    Scoped: () =>
      Stream.unwrap(
        Effect.acquireRelease(say("acquired"), () => say("released")).pipe(
          Effect.as(Stream.concat(Stream.make("a"), Stream.empty))
        )
      ),
    Events: () => Effect.sync(() => [...events]),
    Double: ({ value }) => Effect.succeed(value * 2)
  })
}
