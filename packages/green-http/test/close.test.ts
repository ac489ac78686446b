/** The end of a session: by `close`, by its scope, by the promise of `close`. */
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import { type Auth, GreenHttp, HttpError, HttpExchange, MemoryExchange, UndiciExchange } from "green-http"
import { serve } from "./support/server.ts"

const over = Effect.provide(UndiciExchange.layer())
const tagOf = (error: HttpError) => error.reason._tag

const never = MemoryExchange.layer(() => new Promise<Response>(() => {}))

describe("a session that is closed", () => {
  it.live("fails what is on the way and what comes later, lets go of unread bodies, and may be closed again", () =>
    Effect.gen(function* () {
      const asked = yield* Deferred.make<void>()
      const server = yield* serve((request, response) => {
        if (request.url === "/body") response.write(Buffer.alloc(500_000))
        else Deferred.doneUnsafe(asked, Effect.void)
      })
      const http = yield* GreenHttp.make({ baseUrl: server.url })
      const unread = yield* http.get("/body")
      const halfRead = yield* http.get("/body")
      const reading = yield* Effect.forkChild(halfRead.bytes, { startImmediately: true })
      const waiting = yield* Effect.forkChild(http.get("/never"))
      yield* Deferred.await(asked)
      yield* http.close
      yield* http.close
      assert.strictEqual(yield* Effect.map(Effect.flip(Fiber.join(waiting)), tagOf), "Closed")
      assert.strictEqual(yield* Effect.map(Effect.flip(Fiber.join(reading)), tagOf), "Closed")
      assert.strictEqual(yield* Effect.map(Effect.flip(unread.text), tagOf), "Discarded")
      const later = yield* Effect.flip(http.get("/body?token=secret"))
      assert.deepStrictEqual(later.reason, { _tag: "Closed" })
      assert.notInclude(later.message, "secret")
      const missing = yield* Effect.flip(http.post("/", { body: { path: "/nowhere/at all" } }))
      assert.deepStrictEqual(missing.reason, { _tag: "Closed" })
      yield* Effect.repeat(Effect.sleep(5), { until: () => server.open() === 0 })
    }).pipe(over)
  )

  it.live("is not the exchange: another session over it goes on", () =>
    Effect.gen(function* () {
      const server = yield* serve((_, response) => response.end("body"))
      const one = yield* GreenHttp.make({ baseUrl: server.url })
      const other = yield* GreenHttp.make({ baseUrl: server.url })
      yield* one.close
      assert.strictEqual(yield* Effect.flatMap(other.get("/"), ({ text }) => text), "body")
    }).pipe(over)
  )

  it.effect("by the end of its scope fails what a fiber outside of that waits for", () =>
    Effect.gen(function* () {
      const waiting = yield* Effect.scoped(
        Effect.gen(function* () {
          const http = yield* GreenHttp.make({ baseUrl: "http://app.test" })
          return yield* Effect.forkChild(http.get("/"), { startImmediately: true })
        })
      ).pipe(Effect.provide(never))
      assert.strictEqual(yield* Effect.map(Effect.flip(Fiber.join(waiting)), tagOf), "Closed")
    })
  )

  it.effect("leaves nobody waiting: not in authentication, a hook, a pause between attempts, or a handler", () =>
    Effect.gen(function* () {
      const auth: Auth.Auth = { authorize: () => Effect.never }
      const sessions: ReadonlyArray<GreenHttp.SessionOptions> = [
        { auth },
        { hooks: { request: () => Effect.never } },
        { hooks: { response: () => Effect.never } },
        { retry: { schedule: Schedule.spaced("1 hour"), statuses: [200] } }
      ]
      for (const options of sessions) {
        const http = yield* GreenHttp.make(options)
        const waiting = yield* Effect.forkChild(http.get("http://app.test/"), { startImmediately: true })
        yield* Effect.yieldNow
        yield* http.close
        assert.strictEqual(yield* Effect.map(Effect.flip(Fiber.join(waiting)), tagOf), "Closed")
      }
    }).pipe(Effect.provide(MemoryExchange.layer(() => new Response("body"))))
  )

  it.effect("interrupts an exchange that is interposed, and the interrupted request of a session lets go of it", () =>
    Effect.gen(function* () {
      let interrupted = 0
      const slow = HttpExchange.around((_, next) =>
        Effect.onInterrupt(next(), () =>
          Effect.sync(() => {
            interrupted++
          })
        )
      )
      yield* Effect.gen(function* () {
        const http = yield* GreenHttp.make({ baseUrl: "http://app.test" })
        const waiting = yield* Effect.forkChild(http.get("/"), { startImmediately: true })
        const another = yield* Effect.forkChild(http.get("/"), { startImmediately: true })
        yield* Fiber.interrupt(another)
        yield* Effect.repeat(Effect.yieldNow, { until: () => interrupted === 1 })
        yield* http.close
        assert.strictEqual(yield* Effect.map(Effect.flip(Fiber.join(waiting)), tagOf), "Closed")
        yield* Effect.repeat(Effect.yieldNow, { until: () => interrupted === 2 })
      }).pipe(Effect.provide(Layer.provide(slow, never)))
    })
  )

  it("by a promise rejects what is on the way and what comes later, also when it closes its layer", async () => {
    const http = await GreenHttp.promises(never, { baseUrl: "http://app.test" })
    const waiting = http.get("/").catch((error: unknown) => error)
    await http.close()
    await http.close()
    for (const error of [await waiting, await http.get("/").catch((error: unknown) => error)]) {
      assert.instanceOf(error, HttpError)
      assert.deepStrictEqual(error.reason, { _tag: "Closed" })
    }
  })
})
