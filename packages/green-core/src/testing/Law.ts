/**
 * Laws: what every handler must do, as cases that run against any handler, under any test framework or none.
 *
 * A suite (`waitLaws`, `waitFdLaws`, `fdIoLaws`) takes a description of the handler and gives a list of laws. This
 * module holds what the suites share; it knows no operation.
 *
 * @since 0.1.0
 */
import * as Assert from "node:assert/strict"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"

/**
 * One law. Give it to a test framework as it is:
 *
 * @example
 * ```ts
 * import { it } from "@effect/vitest"
 * import type { Law } from "green-core/testing"
 *
 * export const check = (laws: ReadonlyArray<Law>) => {
 *   for (const law of laws) it.skipIf(law.skipped !== undefined)(law.name, law.run)
 * }
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Law {
  /** The sentence that must hold. */
  readonly name: string
  /** Why the law is not asked of this handler, or `undefined` when it is. */
  readonly skipped: string | undefined
  /**
   * Rejects with what was found when the law does not hold, and after 60 seconds of the handler's clock: allow more in
   * the test framework, so that it is the law that says so. A law that is skipped does nothing.
   */
  readonly run: () => Promise<void>
}

/**
 * What not every handler has. A law that needs one which the handler does not claim is skipped by name.
 *
 * - `"promise"`: a promise that `wait` is given settles while the program waits.
 * - `"blocking"`: the program blocks its thread, so `wait` refuses a promise with `CannotBlockOn`.
 * - `"hangup"`: it is told when the other side has gone (`fixtures.hanging`).
 * - `"error"`: it is told of an error on the descriptor (`fixtures.failing`).
 * - `"closed"`: it knows when nothing is open under a number (`fixtures.closed`).
 * - `"reuse"`: it can tell a number that was closed and reused from the one before (`reuse` of an endpoint).
 * - `"file"`: it knows files, which are always ready (`fixtures.file`).
 * - `"idle"`: waiting costs no CPU.
 *
 * @category models
 * @since 0.1.0
 */
export type Capability = "promise" | "blocking" | "hangup" | "error" | "closed" | "reuse" | "file" | "idle"

/**
 * The handler that a suite is run against. `Services` is what the handler provides.
 *
 * @category models
 * @since 0.1.0
 */
export interface Subject<Services> {
  /** How the handler is called in the reason of a skipped law. */
  readonly name: string
  /** Runs a program over the handler, on a clock that goes. Rejects, with the error or defect, when it fails. */
  readonly run: (program: Effect.Effect<void, unknown, Services | Scope.Scope>) => Promise<void>
  /**
   * Lets everything happen that can happen by itself, then goes on: what still waits after it would wait for ever.
   * `turnsOfTheLoop` is right where the event loop does the waiting.
   */
  readonly settle: Effect.Effect<void>
  readonly capabilities: ReadonlyArray<Capability>
}

/**
 * A `settle` for handlers that rest on the event loop: several of its turns.
 *
 * @category constants
 * @since 0.1.0
 */
export const turnsOfTheLoop: Effect.Effect<void> = Effect.callback<void>((resume) => {
  let left = 8
  const turn = () => {
    if (left-- > 0) immediate = setImmediate(turn)
    else resume(Effect.void)
  }
  let immediate = setImmediate(turn)
  return Effect.sync(() => clearImmediate(immediate))
})

/** Long enough for a busy machine. */
const patience = Duration.seconds(60)

/** Makes the laws of one subject. */
export const maker =
  <Services>(subject: Subject<Services>) =>
  (
    name: string,
    needs: ReadonlyArray<Capability>,
    program: () => Effect.Effect<void, unknown, Services | Scope.Scope>
  ): Law => {
    const missing = needs.filter((capability) => !subject.capabilities.includes(capability))
    const skipped =
      missing.length === 0 ? undefined : `the handler "${subject.name}" does not claim "${missing.join('", "')}"`
    const limited = Effect.suspend(() =>
      Effect.timeoutOrElse(Effect.scoped(program()), {
        duration: patience,
        orElse: () =>
          Effect.die(new Assert.AssertionError({ message: `not over after ${Duration.format(patience)}: ${name}` }))
      })
    )
    return { name, skipped, run: skipped === undefined ? () => subject.run(limited) : () => Promise.resolve() }
  }

/** Starts a fiber that gets as far as it can before the caller goes on. It ends with the law. */
export const start = <A, E, R>(
  effect: Effect.Effect<A, E, R>
): Effect.Effect<Fiber.Fiber<A, E>, never, R | Scope.Scope> => Effect.forkScoped(effect, { startImmediately: true })

/** Starts so many fibers in one go: none of them, and nobody else, gets a turn in between. They end with the law. */
export const startMany = <A, E, R>(
  count: number,
  effect: Effect.Effect<A, E, R>
): Effect.Effect<ReadonlyArray<Fiber.Fiber<A, E>>, never, R | Scope.Scope> =>
  Effect.flatMap(Effect.context<R>(), (context) =>
    Effect.acquireRelease(
      Effect.sync(() => {
        const run = Effect.runForkWith(context)
        return Array.from({ length: count }, () => run(effect))
      }),
      Fiber.interruptAll
    )
  )

/** Asserts that a fiber has not ended. */
export const waits = (fiber: Fiber.Fiber<unknown, unknown>, message = "it should still wait"): void =>
  Assert.equal(fiber.pollUnsafe(), undefined, message)

/** What a claimed capability needs from the fixtures. */
export const claimed = <A>(fixture: A | undefined, name: string): Effect.Effect<A> =>
  fixture === undefined
    ? Effect.die(new Error(`the capability is claimed, but the fixtures have no "${name}"`))
    : Effect.succeed(fixture)

/** How many calls deep the caller is. */
export const stackDepth = (): number => {
  const { stackTraceLimit } = Error
  Error.stackTraceLimit = Number.POSITIVE_INFINITY
  const depth = (new Error("depth").stack ?? "").split("\n").length
  Error.stackTraceLimit = stackTraceLimit
  return depth
}
