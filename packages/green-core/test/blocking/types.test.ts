/** What Green.runSync takes and gives, as types. */
// @effect-diagnostics missingEffectContext:off
import { describe, expectTypeOf, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import { type Fd, type FdError, FdIo, Green, wait, type WaitError, WaitFd, waitFd } from "green-core"

class Database extends Context.Service<Database, { readonly url: string }>()("green-core/test/Database") {}

describe("types", () => {
  it("a program that needs operations only is taken, and its value and error are kept", () => {
    const none = () => Green.runSync(Effect.succeed(1))
    expectTypeOf(none).returns.toEqualTypeOf<number>()
    const every = Effect.all([wait(() => "text"), waitFd(0), FdIo.makePipe])
    const exit = () => Green.runSyncExit(every)
    expectTypeOf(exit).returns.toEqualTypeOf<
      Exit.Exit<[string, Fd.Readiness, { readonly reader: number; readonly writer: number }], WaitError | FdError>
    >()
    expectTypeOf(() => Green.runSync(WaitFd.statistics)).returns.toEqualTypeOf<
      Effect.Success<typeof WaitFd.statistics>
    >()
  })

  it("a requirement that was not provided is refused", () => {
    // @ts-expect-error -- Database was not provided
    expectTypeOf(() => Green.runSync(Database)).toBeFunction()
    // @ts-expect-error -- the lease needs a scope
    expectTypeOf(() => Green.runSyncExit(WaitFd.lease(0))).toBeFunction()
    expectTypeOf(() => Green.runSync(Effect.provideService(Database, Database, { url: "" }))).toBeFunction()
  })
})
