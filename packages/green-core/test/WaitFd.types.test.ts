/** What TypeScript infers and refuses for descriptors, `waitFd`, `FdIo` and leases. */
// @effect-diagnostics floatingEffect:off missingEffectContext:off missingEffectError:off globalErrorInEffectFailure:off
import { describe, expectTypeOf, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { type Fd, type FdError, FdIo, Handler, type Lease, WaitFd, waitFd, WouldBlock } from "green-core"
import type { Pipe } from "green-core/FdIo"
import type { WaitFdHandler, WaitFdRequest } from "green-core/WaitFdHandler"
import * as Fs from "node:fs"
import type * as Http from "node:http"
import type * as Net from "node:net"
import type * as Tls from "node:tls"

/** A value of a type, for where only the type is looked at. */
declare const given: <A>() => A

/** Looked at, and never called. */
const look = (_: () => void): void => {}

describe("a descriptor", () => {
  it("is a number, an object that has one, and what Node opens", () => {
    look(() => {
      expectTypeOf<number>().toExtend<Fd.FdLike>()
      expectTypeOf<{ readonly fd: number }>().toExtend<Fd.FdLike>()
      expectTypeOf<{ fileno(): number }>().toExtend<Fd.FdLike>()
      expectTypeOf<Lease>().toExtend<Fd.FdLike>()
      expectTypeOf<Net.Socket>().toExtend<Fd.FdLike>()
      expectTypeOf<Tls.TLSSocket>().toExtend<Fd.FdLike>()
      expectTypeOf<Net.Server>().toExtend<Fd.FdLike>()
      expectTypeOf<Http.Server>().toExtend<Fd.FdLike>()
      expectTypeOf<Fs.ReadStream>().toExtend<Fd.FdLike>()
      expectTypeOf<Fs.WriteStream>().toExtend<Fd.FdLike>()
      expectTypeOf<Fs.promises.FileHandle>().toExtend<Fd.FdLike>()
      expectTypeOf<typeof process.stdin>().toExtend<Fd.FdLike>()
      expectTypeOf<typeof process.stdout>().toExtend<Fd.FdLike>()
    })
  })

  it("is not a string, nothing, a promise of one, or an object without one", () => {
    expectTypeOf<string>().not.toExtend<Fd.FdLike>()
    expectTypeOf<undefined>().not.toExtend<Fd.FdLike>()
    expectTypeOf<null>().not.toExtend<Fd.FdLike>()
    expectTypeOf<Promise<number>>().not.toExtend<Fd.FdLike>()
    expectTypeOf<{ readonly fd: string }>().not.toExtend<Fd.FdLike>()
    expectTypeOf<{ readonly name: string }>().not.toExtend<Fd.FdLike>()
  })
})

describe("waitFd", () => {
  it("gives a readiness, fails with FdError, and requires WaitFd", () => {
    look(() => {
      expectTypeOf(waitFd(1)).toEqualTypeOf<Effect.Effect<Fd.Readiness, FdError, WaitFd>>()
      expectTypeOf(waitFd).parameter(1).toEqualTypeOf<Fd.Interest | undefined>()
      // @ts-expect-error -- no such interest
      waitFd(1, "reading")
      // @ts-expect-error -- a program that is run provides WaitFd
      void Effect.runPromise(waitFd(1))
    })
  })

  it("has reasons that catchReason knows, each with what belongs to it", () => {
    look(() => {
      waitFd(1).pipe(
        Effect.catchReason("FdError", "BadDescriptor", (reason) => {
          expectTypeOf(reason.value).toEqualTypeOf<unknown>()
          expectTypeOf(reason.problem).toEqualTypeOf<string>()
          return Effect.void
        }),
        Effect.asVoid
      )
      waitFd(1).pipe(
        Effect.catchReason("FdError", "Deadlock", (reason) => {
          expectTypeOf(reason.waiters).toEqualTypeOf<ReadonlyArray<Fd.Waiting>>()
          return Effect.void
        }),
        Effect.asVoid
      )
      // @ts-expect-error -- no such reason
      waitFd(1).pipe(Effect.catchReason("FdError", "Gone", () => Effect.void))
      expectTypeOf<Fd.FdErrorReason["_tag"]>().toEqualTypeOf<
        "BadDescriptor" | "Closing" | "Busy" | "NotGreen" | "Unsupported" | "System" | "Deadlock"
      >()
    })
  })
})

describe("WaitFd", () => {
  it("is built from a clause or from Effects that require nothing", () => {
    look(() => {
      const clause = WaitFd.fromClause((request, resume) => {
        expectTypeOf(request).toEqualTypeOf<WaitFdRequest>()
        expectTypeOf(resume).toEqualTypeOf<Handler.Resume<Fd.Readiness, FdError>>()
        return Handler.nothingToWithdraw
      })
      expectTypeOf(clause).toEqualTypeOf<WaitFdHandler>()
      expectTypeOf<WaitFd["Service"]>().toEqualTypeOf<WaitFdHandler>()
      expectTypeOf(WaitFd.fromEffect(() => Effect.never)).toEqualTypeOf<WaitFdHandler>()
      // @ts-expect-error -- a clause says how its request is taken back
      WaitFd.fromClause((_request, resume) => resume(Exit.succeed(given<Fd.Readiness>())))
      // @ts-expect-error -- an answer is a readiness
      WaitFd.fromEffect(() => Effect.succeed("ready"))
      // @ts-expect-error -- a failure is an FdError
      WaitFd.fromEffect(() => Effect.fail("error"))
      // @ts-expect-error -- a handler performs nothing itself
      WaitFd.fromEffect((request) => waitFd(request.fd))
    })
  })

  it("around needs one underneath, and keeps to its types", () => {
    look(() => {
      const around = WaitFd.around((request, next) => next({ ...request, interest: "readwrite" }))
      expectTypeOf(around).toEqualTypeOf<Layer.Layer<WaitFd, never, WaitFd>>()
      // @ts-expect-error -- a request is whole
      WaitFd.around((_request, next) => next({ fd: 7 }))
      // @ts-expect-error -- a failure is an FdError
      WaitFd.around(() => Effect.fail(new Error("injected")))
    })
  })

  it("leases for a scope, and gives what a lease can", () => {
    look(() => {
      expectTypeOf(WaitFd.lease(1)).toEqualTypeOf<Effect.Effect<Lease, FdError, WaitFd | FdIo | Scope.Scope>>()
      expectTypeOf(WaitFd.notifyClosing(1)).toEqualTypeOf<Effect.Effect<void, FdError, WaitFd>>()
      // @ts-expect-error -- no such option
      WaitFd.lease(1, { nonBlocking: true })
      const lease = given<Lease>()
      expectTypeOf(lease.io("read", () => Fs.readSync(lease.fd, new Uint8Array(1)))).toEqualTypeOf<
        Effect.Effect<number, FdError>
      >()
      expectTypeOf(lease.io("read", () => given<"line" | WouldBlock>())).toEqualTypeOf<Effect.Effect<"line", FdError>>()
      // @ts-expect-error -- one direction at a time
      lease.io("readwrite", () => 1)
    })
  })
})

describe("FdIo", () => {
  it("answers a count or WouldBlock, and fails with FdError", () => {
    look(() => {
      const bytes = new Uint8Array(1)
      expectTypeOf(FdIo.read(1, bytes)).toEqualTypeOf<Effect.Effect<number | WouldBlock, FdError, FdIo>>()
      expectTypeOf(FdIo.write(1, bytes)).toEqualTypeOf<Effect.Effect<number | WouldBlock, FdError, FdIo>>()
      expectTypeOf(FdIo.makePipe).toEqualTypeOf<Effect.Effect<Pipe, FdError, FdIo>>()
      expectTypeOf(FdIo.makeSocketPair).toEqualTypeOf<Effect.Effect<readonly [number, number], FdError, FdIo>>()
      const count = given<number | WouldBlock>()
      if (count !== WouldBlock) expectTypeOf(count).toEqualTypeOf<number>()
    })
  })
})
