/** How tests borrow from a pool, and what they wait for. */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { PgConnectionShape, PgPoolShape } from "green-pg"
import { readdirSync } from "node:fs"
import { Database, environment } from "./client.ts"

export const openDescriptors = () => readdirSync("/proc/self/fd").length

export const pid = (pool: PgPoolShape) => pool.use(({ processId }) => Effect.succeed(processId))

export const sleep = (connection: PgConnectionShape, seconds: number) =>
  Effect.as(connection.query("SELECT pg_sleep($1)", [seconds]), connection.processId)

/** Borrows so many times at once, and gives back when all are there. */
export const borrowAtOnce = (pool: PgPoolShape, times: number) =>
  Effect.gen(function* () {
    const all = yield* Deferred.make<void>()
    let there = 0
    return yield* Effect.forEach(
      Array.from({ length: times }, (_, index) => index),
      () =>
        pool.use(({ processId }) =>
          Effect.as(
            Effect.suspend(() => (++there === times ? Deferred.succeed(all, undefined) : Deferred.await(all))),
            processId
          )
        ),
      { concurrency: "unbounded" }
    )
  })

/** Waits for the server, which takes a moment to end a session. */
export const untilSessions = (count: number) =>
  Effect.gen(function* () {
    const { sessions } = yield* Database
    while ((yield* sessions).length !== count) yield* Effect.yieldNow
  })

export const untilWaiting = (pool: PgPoolShape, count: number) =>
  Effect.gen(function* () {
    while ((yield* pool.stats).pending !== count) yield* Effect.yieldNow
  })

export const suite = Database.layer.pipe(Layer.provideMerge(environment))
