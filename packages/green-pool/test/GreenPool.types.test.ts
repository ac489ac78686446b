import type * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Stream from "effect/Stream"
import type * as Scope from "effect/Scope"
import type { GreenTask } from "green-core"
import type { PoolClosed, PoolFull, PoolOptionError, SourceError, TaskDropped, Input } from "green-pool"
import { GreenPool } from "green-pool"
import { describe, expectTypeOf, it } from "vitest"

class Database extends Context.Service<Database, string>()("test/Database") {}

const of = <O extends GreenPool.Overflow>(overflow: O) =>
  Effect.runSync(Effect.scoped(Effect.orDie(GreenPool.make({ overflow }))))
const pool = of("suspend")
const failing = of("fail")
const dropping = of("drop-oldest")
const work: Effect.Effect<number, "no", Database> = Effect.as(Database, 1)

describe("types", () => {
  it("follow overflow", () => {
    expectTypeOf(GreenPool.make()).toEqualTypeOf<Effect.Effect<GreenPool.GreenPool, PoolOptionError, Scope.Scope>>()
    expectTypeOf(GreenPool.make({ overflow: "fail" })).toEqualTypeOf<
      Effect.Effect<GreenPool.GreenPool<"fail">, PoolOptionError, Scope.Scope>
    >()
    const submits = () => [pool.submit(work), failing.submit(work), dropping.submit(work)] as const
    expectTypeOf(submits).returns.toEqualTypeOf<
      readonly [
        Effect.Effect<GreenTask.GreenTask<number, "no">, PoolClosed, Database>,
        Effect.Effect<GreenTask.GreenTask<number, "no">, PoolClosed | PoolFull, Database>,
        Effect.Effect<GreenTask.GreenTask<number, "no" | TaskDropped>, PoolClosed, Database>
      ]
    >()
    const runs = () => [pool.run(work), failing.run(work), dropping.run(work)] as const
    expectTypeOf(runs).returns.toEqualTypeOf<
      readonly [
        Effect.Effect<number, "no" | PoolClosed, Database>,
        Effect.Effect<number, "no" | PoolClosed | PoolFull, Database>,
        Effect.Effect<number, "no" | PoolClosed | TaskDropped, Database>
      ]
    >()
    expectTypeOf(failing).not.toExtend<GreenPool.GreenPool>()
    expectTypeOf(pool).toExtend<GreenPool.GreenPool<GreenPool.Overflow>>()
  })

  it("a time-out is among the errors if it may be there", () => {
    const timed = () => pool.run(work, { timeout: "1 second", priority: 1 })
    expectTypeOf(timed).returns.toEqualTypeOf<Effect.Effect<number, "no" | PoolClosed | Cause.TimeoutError, Database>>()
    const perhaps = (options: GreenPool.SubmitOptions) => pool.run(work, options)
    expectTypeOf(perhaps).returns.toEqualTypeOf<
      Effect.Effect<number, "no" | PoolClosed | Cause.TimeoutError, Database>
    >()
    const keyed = () => pool.run(work, { key: "tenant" })
    expectTypeOf(keyed).returns.toEqualTypeOf<Effect.Effect<number, "no" | PoolClosed, Database>>()
  })

  it("submitUnsafe takes what needs nothing", () => {
    const submit = () => pool.submitUnsafe(Effect.succeed(1))
    expectTypeOf(submit).returns.toEqualTypeOf<GreenTask.GreenTask<number>>()
    expectTypeOf(work).not.toExtend<Parameters<typeof pool.submitUnsafe>[0]>()
  })

  it("the item of any input is known to work, and what reading it may fail with", () => {
    const fromArray = () => pool.map([1, 2], (n, index) => Effect.succeed([n, index] as const))
    expectTypeOf(fromArray).returns.toEqualTypeOf<Effect.Effect<Array<readonly [number, number]>, PoolClosed>>()
    const fromSet = () => pool.map(new Set(["a"]), (text) => Effect.succeed(text.length))
    expectTypeOf(fromSet).returns.toEqualTypeOf<Effect.Effect<Array<number>, PoolClosed | SourceError>>()
    const source = Stream.make("a")
    const fromStream = (stream: Stream.Stream<string, "source", Database>) =>
      pool.map(stream, (text) => Effect.fail(text.length))
    expectTypeOf(source).toExtend<Input>()
    expectTypeOf(fromStream).returns.toEqualTypeOf<
      Effect.Effect<Array<never>, PoolClosed | "source" | number, Database>
    >()
    const fromAsync = (items: AsyncIterable<bigint>) => pool.map(items, Effect.succeed, { discard: true })
    expectTypeOf(fromAsync).returns.toEqualTypeOf<Effect.Effect<void, PoolClosed | SourceError>>()
  })

  it("imap gives values, or exits", () => {
    const values = () => pool.imap([1], () => work)
    expectTypeOf(values).returns.toEqualTypeOf<Stream.Stream<number, "no" | PoolClosed, Database>>()
    const exits = () => dropping.imapUnordered([1], () => work, { exits: true })
    expectTypeOf(exits).returns.toEqualTypeOf<
      Stream.Stream<Exit.Exit<number, "no" | TaskDropped>, PoolClosed, Database>
    >()
    // @ts-expect-error a number is no input
    const wrong = () => pool.imap(1, () => work)
    expectTypeOf(wrong).toBeFunction()
  })

  it("options that there are not are refused", () => {
    // @ts-expect-error no such overflow
    const wrong = () => GreenPool.make({ overflow: "block" })
    expectTypeOf(wrong).toBeFunction()
  })
})
