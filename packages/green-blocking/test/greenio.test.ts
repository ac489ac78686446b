/** What greenio promised for plain, blocking functions: docs/greenio.md names these. */
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { green, GreenWorkers } from "green-blocking"
import { MustBeInGreenlet } from "green-blocking/worker"
import { RunInPool } from "green-pool"
import * as Jobs from "./fixtures/greenioJobs.ts"
import { Greenio, Refused } from "./fixtures/greenioOps.ts"

const load = () => import("./fixtures/greenioJobs.ts")
const url = new URL("./fixtures/greenioJobs.ts", import.meta.url)
const sorted = green(load, url, "sorted", { error: Refused })
const caught = green(load, url, "caught")
const uncaught = green(load, url, "uncaught", { error: Refused })
const depth = green(load, url, "depth")
const application = green(load, url, "application")

/** A pool whose `Fetch` is handled by the function, and whose `Deeper` runs the job that performs it. */
const workers = (
  size: number,
  fetch: (path: string) => Effect.Effect<string, Refused> = (path) => Effect.succeed(`<${path}>`)
) => {
  const Handlers = Greenio.toLayer({
    Fetch: ({ path }) => (path === "/no" ? Effect.fail(new Refused({ path })) : fetch(path)),
    Deeper: ({ depth: left }) =>
      // The pool of the caller, whose context a handler has.
      Effect.serviceOption(GreenWorkers).pipe(
        Effect.flatMap(Effect.fromOption),
        Effect.flatMap((pool) => Effect.provideService(depth(left), GreenWorkers, pool)),
        Effect.orDie
      )
  })
  return GreenWorkers.layer(Greenio, { size }).pipe(Layer.provide(Handlers))
}

describe("a plain function in a greenlet", () => {
  it.effect("blocks at any depth of plain calls, and not the event loop", () =>
    Effect.gen(function* () {
      let turns = 0
      const turn = Effect.promise(() => new Promise<void>((resolve) => setImmediate(resolve)))
      const fetch = (path: string) =>
        Effect.as(
          Effect.andThen(
            turn,
            Effect.sync(() => turns++)
          ),
          path
        )
      const bodies = yield* Effect.provide(sorted(["c", "a", "b"]), workers(1, fetch))
      assert.deepStrictEqual(bodies, ["a", "b", "c"])
      assert.isAbove(turns, 3)
    })
  )

  it.effect("is thrown the error where it waits, and may catch it", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* caught("/no"), "caught Refused")
      const error = yield* Effect.flip(uncaught("/no"))
      assert.instanceOf(error, Refused)
      assert.match(String(error.stack), /at uncaught \(.*greenioJobs\.ts:/)
    }).pipe(Effect.provide(workers(1)))
  )

  it("cannot wait outside of one: it throws MustBeInGreenlet, which names what it waits for", () => {
    try {
      Jobs.uncaught("/")
      assert.fail("nothing was thrown")
    } catch (error) {
      assert.instanceOf(error, MustBeInGreenlet)
      assert.strictEqual(error.operation, "Fetch")
    }
  })

  it.effect("runs at once in a pool of one when a greenlet of it asks for another one", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* depth(5), 5)
    }).pipe(Effect.provide(workers(1)))
  )

  it.effect("may be an application, of which no more run at a time than the pool has workers", () =>
    Effect.gen(function* () {
      const both = Deferred.makeUnsafe<void>()
      let running = 0
      let most = 0
      const fetch = (path: string) =>
        Effect.gen(function* () {
          most = Math.max(most, ++running)
          if (running === 2) yield* Deferred.succeed(both, undefined)
          yield* Deferred.await(both)
          running--
          return path
        })
      const statuses = yield* Effect.gen(function* () {
        const context = yield* Effect.context<GreenWorkers>()
        const app = yield* RunInPool.fetch(
          async (request) => {
            const { body, status } = await Effect.runPromiseWith(context)(application(new URL(request.url).pathname))
            return new Response(body, { status })
          },
          { maxWorkers: 2 }
        )
        return yield* Effect.forEach(
          ["/", "/", "/", "/nowhere"],
          (path) => Effect.promise(async () => (await app(new Request(`http://localhost${path}`))).status),
          { concurrency: "unbounded" }
        )
      }).pipe(Effect.scoped, Effect.provide(workers(2, fetch)))
      assert.deepStrictEqual(statuses, [200, 200, 200, 404])
      assert.strictEqual(most, 2)
    })
  )
})
