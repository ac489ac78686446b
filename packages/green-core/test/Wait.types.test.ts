/** What TypeScript infers for `wait`, form by form. */
// @effect-diagnostics floatingEffect:off missingEffectContext:off missingEffectError:off
import { describe, expectTypeOf, it } from "@effect/vitest"
import type * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import type * as Layer from "effect/Layer"
import type * as Option from "effect/Option"
import { Wait, wait, type WaitError, type WaitFd } from "green-core"
import type { Waited, WaitErrorReason, WaitRequest } from "green-core/Wait"

interface User {
  readonly name: string
}

class NotFound {
  readonly _tag = "NotFound"
}

class Service extends Context.Service<Service, { readonly id: number }>()("test/Service") {}

/** A value of a type, for where only the type is looked at. */
declare const given: <A>() => A

/** Looked at, and never called. */
const look = (_: () => void): void => {}

const notFound = { catch: (_cause: unknown) => new NotFound() }

describe("wait infers", () => {
  it("from a function: what it returns, awaited", () => {
    look(() => {
      expectTypeOf(wait(() => 1)).toEqualTypeOf<Effect.Effect<number, WaitError, Wait>>()
      expectTypeOf(wait(() => given<Promise<User>>())).toEqualTypeOf<Effect.Effect<User, WaitError, Wait>>()
      expectTypeOf(wait(async () => given<User>())).toEqualTypeOf<Effect.Effect<User, WaitError, Wait>>()
      expectTypeOf(wait((signal) => signal.aborted)).toEqualTypeOf<Effect.Effect<boolean, WaitError, Wait>>()
      expectTypeOf(wait(() => given<User | Promise<string>>())).toEqualTypeOf<
        Effect.Effect<User | string, WaitError, Wait>
      >()
      expectTypeOf(wait(() => given<PromiseLike<Promise<User>>>())).toEqualTypeOf<
        Effect.Effect<User, WaitError, Wait>
      >()
      expectTypeOf(wait(() => {})).toEqualTypeOf<Effect.Effect<void, WaitError, Wait>>()
      expectTypeOf(
        wait((): never => {
          throw new Error("thrown")
        })
      ).toEqualTypeOf<Effect.Effect<never, WaitError, Wait>>()
    })
  })

  it("from a function with catch: the error that catch makes", () => {
    look(() => {
      expectTypeOf(wait(() => given<Promise<User>>(), notFound)).toEqualTypeOf<Effect.Effect<User, NotFound, Wait>>()
      expectTypeOf(wait((signal) => fetch("/", { signal }), { catch: String })).toEqualTypeOf<
        Effect.Effect<Response, string, Wait>
      >()
    })
  })

  it("from an Effect: itself, with its error and requirements", () => {
    look(() => {
      const effect = given<Effect.Effect<User, NotFound, Service>>()
      expectTypeOf(wait(effect)).toEqualTypeOf<Effect.Effect<User, NotFound, Service>>()
      expectTypeOf(wait(Effect.succeed(1))).toEqualTypeOf<Effect.Effect<number>>()
      expectTypeOf(wait(given<Exit.Exit<number, string>>())).toEqualTypeOf<Effect.Effect<number, string>>()
      expectTypeOf(wait(wait(() => given<Promise<User>>()))).toEqualTypeOf<Effect.Effect<User, WaitError, Wait>>()
    })
  })

  it("from a fiber: what it gives", () => {
    look(() => {
      expectTypeOf(wait(given<Fiber.Fiber<User, NotFound>>())).toEqualTypeOf<Effect.Effect<User, NotFound>>()
    })
  })

  it("from a promise: what it gives, awaited", () => {
    look(() => {
      expectTypeOf(wait(given<Promise<User>>())).toEqualTypeOf<Effect.Effect<User, WaitError, Wait>>()
      expectTypeOf(wait(given<PromiseLike<User>>())).toEqualTypeOf<Effect.Effect<User, WaitError, Wait>>()
      expectTypeOf(wait(given<Promise<User>>(), notFound)).toEqualTypeOf<Effect.Effect<User, NotFound, Wait>>()
    })
  })

  it("from a plain value: itself, and nothing can fail or is required", () => {
    look(() => {
      expectTypeOf(wait(1 as number)).toEqualTypeOf<Effect.Effect<number>>()
      expectTypeOf(wait(given<User>())).toEqualTypeOf<Effect.Effect<User>>()
      expectTypeOf(wait(undefined)).toEqualTypeOf<Effect.Effect<undefined>>()
      expectTypeOf(wait(null)).toEqualTypeOf<Effect.Effect<null>>()
      expectTypeOf(wait(given<ReadonlyArray<User>>())).toEqualTypeOf<Effect.Effect<ReadonlyArray<User>>>()
      expectTypeOf(wait(given<Option.Option<User>>())).toEqualTypeOf<Effect.Effect<Option.Option<User>>>()
      expectTypeOf(wait(given<User>(), notFound)).toEqualTypeOf<Effect.Effect<User>>()
    })
  })

  it("from a union: each form by itself", () => {
    look(() => {
      expectTypeOf(wait(given<User | Promise<User>>())).toEqualTypeOf<Effect.Effect<User, WaitError, Wait>>()
      expectTypeOf(wait(given<User | Promise<string>>(), notFound)).toEqualTypeOf<
        Effect.Effect<User | string, NotFound, Wait>
      >()
      expectTypeOf(wait(given<Promise<User> | undefined>())).toEqualTypeOf<
        Effect.Effect<User | undefined, WaitError, Wait>
      >()
      expectTypeOf(wait(given<Promise<User> | Effect.Effect<string, NotFound, Service>>())).toEqualTypeOf<
        Effect.Effect<User | string, WaitError | NotFound, Wait | Service>
      >()
      expectTypeOf(wait(given<(() => Promise<User>) | number>())).toEqualTypeOf<
        Effect.Effect<User | number, WaitError, Wait>
      >()
      expectTypeOf(wait(given<Fiber.Fiber<User, NotFound> | string>())).toEqualTypeOf<
        Effect.Effect<User | string, NotFound>
      >()
      expectTypeOf(wait(given<Effect.Effect<1, "one", Service> | Effect.Effect<2, "two", Wait>>())).toEqualTypeOf<
        Effect.Effect<1 | 2, "one" | "two", Service | Wait>
      >()
    })
  })

  it("from any: what it would be if it was a promise", () => {
    look(() => {
      const value = wait(given<any>())
      expectTypeOf<Effect.Success<typeof value>>().toBeAny()
      expectTypeOf<Effect.Error<typeof value>>().toEqualTypeOf<WaitError>()
      expectTypeOf<Effect.Services<typeof value>>().toEqualTypeOf<Wait>()
    })
  })

  it("from unknown: that it may be any of the forms", () => {
    look(() => {
      expectTypeOf(wait(given<unknown>())).toEqualTypeOf<Effect.Effect<unknown, unknown, Wait>>()
    })
  })

  it("from never: an Effect, that nobody will perform", () => {
    look(() => {
      expectTypeOf(wait(given<never>())).toExtend<Effect.Effect<unknown, WaitError, Wait>>()
      expectTypeOf<Waited<never>>().toEqualTypeOf<Effect.Effect<never>>()
    })
  })

  it("in a generic function, the parameter's form", () => {
    look(() => {
      const both = <A>(evaluate: () => Promise<A>) => wait(evaluate)
      expectTypeOf(both(() => given<Promise<User>>())).toEqualTypeOf<Effect.Effect<User, WaitError, Wait>>()
    })
  })

  it("from wait.callback: the types of its answer", () => {
    look(() => {
      expectTypeOf(wait.callback<User>(() => {})).toEqualTypeOf<Effect.Effect<User, WaitError, Wait>>()
      expectTypeOf(wait.callback<User, NotFound>(() => () => {})).toEqualTypeOf<
        Effect.Effect<User, NotFound | WaitError, Wait>
      >()
      expectTypeOf(wait.callback<User, NotFound>)
        .parameter(0)
        .parameter(0)
        .toEqualTypeOf<(exit: Exit.Exit<User, NotFound>) => void>()
      // @ts-expect-error -- a timer is no way to take it back
      wait.callback<User>((resume) => setTimeout(resume, 10))
    })
  })
})

describe("wait is refused", () => {
  it("where its requirements are not provided", () => {
    look(() => {
      // @ts-expect-error -- a promise needs the service Wait
      void Effect.runPromise(wait(given<Promise<User>>()))
      // @ts-expect-error -- the Effect needs its Service
      void Effect.runPromise(wait(Service))
      void Effect.runPromise(wait(1))
    })
  })

  it("where a function takes something other than a signal", () => {
    look(() => {
      for (const mistake of [
        wait((signal: AbortSignal, more: string) => [signal, more]),
        wait((text: string) => text),
        wait(parseInt, { catch: String }),
        wait(given<((text: string) => string) | number>())
      ]) {
        expectTypeOf(mistake).not.toExtend<Effect.Effect<unknown, unknown, unknown>>()
      }
    })
  })
})

describe("Wait", () => {
  it("has reasons that catchReason knows", () => {
    look(() => {
      expectTypeOf<WaitError["reason"]>().toEqualTypeOf<WaitErrorReason>()
      const caught = wait(() => given<Promise<User>>()).pipe(
        Effect.catchReason("WaitError", "Rejected", (reason) => {
          expectTypeOf(reason.cause).toEqualTypeOf<unknown>()
          return Effect.succeed("rejected" as const)
        })
      )
      expectTypeOf<Effect.Success<typeof caught>>().toEqualTypeOf<User | "rejected">()
    })
  })

  it("is provided by layers, and around needs one underneath", () => {
    look(() => {
      const around = Wait.around((request, next) => {
        expectTypeOf(request._tag).toEqualTypeOf<"Function" | "Promise" | "Callback">()
        return next(request)
      })
      expectTypeOf(around).toEqualTypeOf<Layer.Layer<Wait, never, Wait>>()
      expectTypeOf<Wait["Service"]>().not.toExtend<WaitFd["Service"]>()
      // @ts-expect-error -- the answer must be of the type that was asked for
      Wait.around(() => Effect.succeed("answer"))
      expectTypeOf<WaitRequest<User>>().toExtend<{ readonly _tag: string }>()
      expectTypeOf<Cause.Cause<WaitError>>().not.toExtend<Cause.Cause<NotFound>>()
    })
  })
})
