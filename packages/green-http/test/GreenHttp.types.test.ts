/** What the types of a session let through, and what they refuse. */
// @effect-diagnostics missingEffectContext:off
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { GreenHttp, type HttpError, type HttpExchange, type HttpResponse, MemoryExchange } from "green-http"
import { expectTypeOf } from "vitest"

describe("a session", () => {
  it("needs an exchange and a scope to be made; what it asks needs nothing more", () => {
    expectTypeOf(GreenHttp.make()).toEqualTypeOf<
      Effect.Effect<GreenHttp.GreenHttp, HttpError, HttpExchange | Scope.Scope>
    >()
    expectTypeOf<GreenHttp.Verb>().returns.toEqualTypeOf<Effect.Effect<HttpResponse, HttpError>>()
    const program = Effect.scoped(Effect.flatMap(GreenHttp.make(), (http) => http.get("http://app.test/")))
    // @ts-expect-error there is no exchange
    const unperformable: () => Promise<unknown> = () => Effect.runPromise(program)
    assert.isFunction(unperformable)
  })

  it.effect("sends nothing outside of a program that performs it", () =>
    Effect.gen(function* () {
      let asked = 0
      yield* Effect.gen(function* () {
        const http = yield* GreenHttp.make()
        const get = http.get("http://app.test/")
        assert.strictEqual(asked, 0)
        yield* get
        yield* get
        assert.strictEqual(asked, 2)
      }).pipe(
        Effect.provide(
          MemoryExchange.layer(() => {
            asked++
            return new Response("hello")
          })
        )
      )
    })
  )

  it("takes one kind of answer: Effects, or promises", () => {
    expectTypeOf(GreenHttp.make({ green: false })).toEqualTypeOf<
      Effect.Effect<GreenHttp.PromiseHttp, HttpError, HttpExchange | Scope.Scope>
    >()
    expectTypeOf<GreenHttp.GreenHttp["green"]>().toEqualTypeOf<true>()
    expectTypeOf<GreenHttp.PromiseHttp["green"]>().toEqualTypeOf<false>()
  })

  it("does not take what it would not send", () => {
    const misuse = (http: GreenHttp.GreenHttp) => [
      // @ts-expect-error a number is no body
      http.post("/", { body: 42 }),
      // @ts-expect-error there is no such option
      http.get("/", { timeout: 1 }),
      // @ts-expect-error a header is text
      http.get("/", { headers: { "x-count": 1 } }),
      // @ts-expect-error a coding that nobody knows
      http.post("/", { body: "text", compress: "lzma" })
    ]
    assert.isFunction(misuse)
  })
})
