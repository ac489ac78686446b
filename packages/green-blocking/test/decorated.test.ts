/** Errors go through libraries that add to their messages. */
import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { green, GreenWorkers } from "green-blocking"
import { NotFound, Ops } from "./fixtures/ops.ts"

const url = new URL("./fixtures/decoratingJobs.ts", import.meta.url)
const load = () => import("./fixtures/decoratingJobs.ts")
const throughLibrary = green(load, url, "throughLibrary")
const isStillItself = green(load, url, "isStillItself")
const escaped = green(load, url, "escaped", { error: NotFound })

const Handlers = Ops.toLayer({
  Get: ({ key }) => Effect.fail(new NotFound({ key, at: new Date(7) })),
  Now: () => Effect.succeed(new Date(5)),
  Double: (bytes) => Effect.succeed(bytes),
  Count: ({ from, to }) => Stream.range(from, to),
  Never: () => Effect.never,
  Die: () => Effect.die(new TypeError("dead"))
})

it.layer(GreenWorkers.layer(Ops, { size: 1 }).pipe(Layer.provide(Handlers)))("an error of an operation", (it) => {
  it.effect("has a message that can be set, also when its class computes it", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* throughLibrary(), [
        "NotFound: shop.js: there is no nothing",
        "WaitTimeout: shop.js: Never was not answered within 1 ms",
        "PerformError: shop.js: Die: its handler died: dead"
      ])
      assert.isTrue(yield* isStillItself())
    })
  )

  it.effect("is still declared after that", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(escaped())
      assert.instanceOf(error, NotFound)
      assert.strictEqual(error.message, "there is no nothing")
    })
  )
})
