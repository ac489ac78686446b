import { expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { green, GreenWorkers } from "green-blocking"
import { NotFound, Ops } from "./fixtures/ops.ts"

const url = new URL("./fixtures/jobs.ts", import.meta.url)
const load = () => import("./fixtures/jobs.ts")
const render = green(load, url, "render", { error: NotFound })
const now = green(load, url, "now")
const sum = green(load, url, "sum")
const wait = green(load, url, "wait")

const Handlers = Ops.toLayer({
  Get: ({ key }) =>
    key === "nothing" ? Effect.fail(new NotFound({ key, at: new Date(7) })) : Effect.succeed(`<${key}>`),
  Now: () => Effect.succeed(new Date(5)),
  Double: (bytes) => Effect.succeed(new Uint8Array([...bytes, ...bytes])),
  Count: ({ from, to }) => Stream.range(from, to),
  Never: () => Effect.never,
  Die: () => Effect.die(new TypeError("dead"))
})

const Workers = GreenWorkers.layer(Ops, { size: 2 }).pipe(Layer.provide(Handlers))

it.layer(Workers)("green", (it) => {
  it.effect("gives what the function returns, fails with what it throws, and is interrupted, all in one thread", () =>
    Effect.gen(function* () {
      expect(yield* render(["a", "b"])).toBe("<a>\n<b>")
      expect(yield* now()).toEqual(new Date(5))
      expect(yield* sum(1000)).toBe(500500)
      const error = yield* Effect.flip(render(["nothing"]))
      expect(error).toBeInstanceOf(NotFound)
      expect(error.stack).toMatch(/NotFound: there is no nothing\n[^]*\n {4}at Get \(performed by a job[^]*at render /)
      const fiber = yield* Effect.forkChild(wait())
      yield* Effect.yieldNow
      yield* Fiber.interrupt(fiber)
      expect(yield* (yield* GreenWorkers).statistics).toMatchObject({
        threads: 1,
        idle: 1,
        running: 0,
        queued: 0,
        started: 1
      })
    })
  )
})
