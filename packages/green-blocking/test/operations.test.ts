/** The operations of a group as Effects, on the host. */
import { assert, describe, expectTypeOf, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Layer from "effect/Layer"
import type * as Rpc from "effect/rpc/Rpc"
import type * as RpcGroup from "effect/rpc/RpcGroup"
import type * as Stream from "effect/Stream"
import { type Handlers, operations } from "green-blocking"
import { performed } from "green-blocking/worker"
import { ContextOps, type Missing } from "./fixtures/contextOps.ts"
import { type Allowed, type Forbidden, PayloadOps } from "./fixtures/payloadOps.ts"
import { PayloadHandlers } from "./support/payloadHandlers.ts"

const { Age, Get, Later, Page, Secret } = operations(PayloadOps)
const { Count } = operations(ContextOps)

describe("an operation as an Effect", () => {
  it.effect("fills in what the payload has defaults for, and takes what is answered later", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* Page({ title: "a" }), { title: "a", size: 10, hasTags: false })
      assert.strictEqual(yield* Later(), "later")
    }).pipe(Effect.provide(PayloadHandlers))
  )

  it.effect("goes through the middleware of the group", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* Secret({ user: "somebody" }), "the secret of somebody")
      assert.strictEqual((yield* Effect.flip(Secret({ user: "nobody" })))._tag, "Forbidden")
    }).pipe(Effect.provide(PayloadHandlers))
  )

  it.effect("dies of a payload that its schema refuses, and names the operation", () =>
    Effect.gen(function* () {
      const exit = yield* Effect.exit(Age({ years: -1 }))
      assert.isTrue(Exit.isFailure(exit) && Cause.hasDies(exit.cause))
      assert.include(String(exit), "Age: the payload is not what its schema asks for")
    }).pipe(Effect.provide(PayloadHandlers))
  )

  it("has the types of its Rpc, and needs its handler and its middleware", () => {
    type Requests = RpcGroup.Rpcs<typeof PayloadOps>
    type OfSecret = Extract<Requests, { readonly _tag: "Secret" }>
    expectTypeOf(Secret).returns.toEqualTypeOf<Effect.Effect<string, Forbidden, Rpc.Handler<"Secret"> | Allowed>>()
    expectTypeOf<Handlers<OfSecret>>().toEqualTypeOf<Rpc.Handler<"Secret"> | Allowed>()
    expectTypeOf(Count).returns.toEqualTypeOf<Stream.Stream<number, Missing, Rpc.Handler<"Count">>>()
    expectTypeOf(performed(PayloadOps)).toEqualTypeOf<Layer.Layer<Handlers<Requests>>>()
    // @ts-expect-error a payload of another type
    void Get({ key: 1 })
    // @ts-expect-error no payload
    void Get()
  })
})
