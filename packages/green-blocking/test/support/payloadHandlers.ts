/** Handlers of the operations of `payloadOps.ts`, each of which answers at once. */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Rpc from "effect/rpc/Rpc"
import { Allowed, Forbidden, NotFound, PayloadOps } from "../fixtures/payloadOps.ts"

export const asked: Array<unknown> = []

const notFound = (key: string) => new NotFound({ key, at: new Date(7), near: Option.some("b") })

export const PayloadHandlers = PayloadOps.toLayer({
  Get: ({ key }) => (key.startsWith("no") ? Effect.fail(notFound(key)) : Effect.succeed(`<${key}>`)),
  Page: ({ size, tags, title }) => Effect.succeed({ title, size, hasTags: tags !== undefined }),
  Now: () => Effect.succeed(new Date(5)),
  Nothing: () => Effect.void,
  Age: ({ years }) => Effect.succeed(years),
  Lie: () => Effect.succeed(-1),
  Anything: (value) => {
    asked.push(value)
    return Effect.succeed(value === "function" ? { list: [() => 1] } : value)
  },
  Refuse: () => Effect.fail({ because: [1, { f: () => 1 }] }),
  Die: ({ how }) => {
    if (how === "throw") throw new RangeError("thrown by the handler itself")
    return Effect.die(how === "text" ? "dead" : new TypeError("dead", { cause: new Error("why") }))
  },
  InterruptItself: () => Effect.interrupt,
  Fork: () => Rpc.fork(Effect.succeed("forked")),
  Uninterruptible: () => Rpc.uninterruptible(Effect.as(Effect.yieldNow, "uninterruptible")),
  Later: () =>
    Effect.gen(function* () {
      const later = yield* Deferred.make<string>()
      yield* Effect.forkChild(Deferred.succeed(later, "later"))
      return later
    }),
  Secret: ({ user }) => Effect.succeed(`the secret of ${user}`)
}).pipe(
  Layer.provideMerge(
    Layer.succeed(Allowed, (effect, { payload }) =>
      isNobody(payload) ? Effect.fail(new Forbidden({ user: "nobody" })) : effect
    )
  )
)

const isNobody = (payload: unknown): boolean =>
  typeof payload === "object" && payload !== null && "user" in payload && payload.user === "nobody"
