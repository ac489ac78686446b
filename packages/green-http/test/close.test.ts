/** The end of a session: by `close`, by its scope, by the promise of `close`. */
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schedule from "effect/Schedule"
import { type Auth, GreenHttp, HttpError, HttpExchange, MemoryExchange, UndiciExchange } from "green-http"
import type { ServerResponse } from "node:http"
import { serve } from "./support/server.ts"

const over = Effect.provide(UndiciExchange.layer())
const tagOf = (error: HttpError) => error.reason._tag

let asked = 0
const counting = MemoryExchange.layer(() => {
  asked++
  return new Response("body")
})

const never = MemoryExchange.layer(() => new Promise<Response>(() => {}))

describe("a session that is closed", () => {
  it.live("fails what comes later, lets go of unread bodies, and may be closed again", () =>
    Effect.gen(function* () {
      const server = yield* serve((_, response) => response.write(Buffer.alloc(500_000)))
      const http = yield* GreenHttp.make({ baseUrl: server.url })
      const unread = yield* http.get("/body")
      const halfRead = yield* http.get("/body")
      const reading = yield* Effect.forkChild(halfRead.bytes, { startImmediately: true })
      yield* http.close
      yield* http.close
      assert.strictEqual(yield* Effect.map(Effect.flip(Fiber.join(reading)), tagOf), "Discarded")
      assert.strictEqual(yield* Effect.map(Effect.flip(unread.text), tagOf), "Discarded")
      const later = yield* Effect.flip(http.get("/body?token=secret"))
      assert.deepStrictEqual(later.reason, { _tag: "Closed" })
      assert.notInclude(later.message, "secret")
      const missing = yield* Effect.flip(http.post("/", { body: { path: "/nowhere/at all" } }))
      assert.deepStrictEqual(missing.reason, { _tag: "Closed" })
      yield* Effect.repeat(Effect.sleep(5), { until: () => server.open() === 0 })
    }).pipe(over)
  )

  it.live(
    "fails what is on the way when its head is here, also at the end of its scope, and keeps the connection",
    () =>
      Effect.gen(function* () {
        const held: Array<ServerResponse> = []
        const server = yield* serve((_, response) => held.push(response))
        const exchange = yield* UndiciExchange.make()
        const waiting = yield* Effect.scoped(
          Effect.gen(function* () {
            const http = yield* GreenHttp.make({ baseUrl: server.url })
            const waiting = yield* Effect.forkDetach(http.get("/"), { startImmediately: true })
            yield* Effect.repeat(Effect.sleep(5), { until: () => held.length === 1 })
            return waiting
          })
        ).pipe(Effect.provideService(HttpExchange, exchange))
        assert.strictEqual(waiting.pollUnsafe(), undefined)
        held[0]?.end("too late")
        assert.strictEqual(yield* Effect.map(Effect.flip(Fiber.join(waiting)), tagOf), "Closed")
        assert.strictEqual(server.open(), 1)
      })
  )

  it.effect("sends nothing after a hook, authentication or a pause between attempts", () =>
    Effect.gen(function* () {
      const going = yield* Deferred.make<undefined>()
      let here = 0
      const hold = Effect.suspend(() => {
        here++
        return Deferred.await(going)
      })
      const auth: Auth.Auth = { authorize: () => hold }
      const sessions: ReadonlyArray<GreenHttp.SessionOptions> = [
        { auth },
        { hooks: { request: () => hold } },
        { hooks: { retry: () => hold }, retry: { schedule: Schedule.recurs(1), statuses: [200] } }
      ]
      const waiting = yield* Effect.forEach(sessions, (options, index) =>
        Effect.gen(function* () {
          const http = yield* GreenHttp.make(options)
          const fiber = yield* Effect.forkChild(http.get("http://app.test/"), { startImmediately: true })
          yield* Effect.repeat(Effect.yieldNow, { until: () => here === index + 1 })
          yield* http.close
          return fiber
        })
      )
      const before = asked
      yield* Deferred.succeed(going, undefined)
      for (const each of waiting) {
        assert.strictEqual(yield* Effect.map(Effect.flip(Fiber.join(each)), tagOf), "Closed")
      }
      assert.strictEqual(asked, before)
    }).pipe(Effect.provide(counting))
  )

  it.live("opens no WebSocket any more", () =>
    Effect.gen(function* () {
      const server = yield* serve((_, response) => response.end())
      const http = yield* GreenHttp.make({ baseUrl: server.url })
      yield* http.close
      assert.strictEqual(yield* Effect.map(Effect.flip(http.webSocket("/")), tagOf), "Closed")
      assert.strictEqual(server.connections(), 0)
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
