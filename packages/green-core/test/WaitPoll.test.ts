/** The wait callback: what `waitPoll` says of itself, sentence by sentence, over each way of waiting. */
// @effect-diagnostics floatingEffect:off missingEffectContext:off missingEffectError:off
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Scheduler from "effect/Scheduler"
import type * as Scope from "effect/Scope"
import { type Fd, type FdError, type FdIo, Green, Handler, Protocol, WaitFd, WaitPoll, waitPoll } from "green-core"
import { fixtures, VirtualFds } from "green-core/testing"
import { expectTypeOf } from "vitest"

type Program = Effect.Effect<void, unknown, WaitFd | FdIo | Scope.Scope>

/** A blocked thread would not see the time-out of the test framework. */
const limited = (program: Program) => Effect.timeout(Effect.scoped(program), "30 seconds")

const handlers: ReadonlyArray<{ readonly name: string; readonly run: (program: Program) => Promise<void> }> = [
  { name: "the event loop", run: (program) => Effect.runPromise(Effect.provide(limited(program), Green.layer)) },
  { name: "a blocked thread", run: async (program) => Green.runSync(limited(program)) },
  {
    name: "virtual descriptors",
    run: (program) => Effect.runPromise(Effect.provide(limited(program), Layer.fresh(VirtualFds.layer)))
  }
]

const start = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.forkScoped(effect, { startImmediately: true })

const until = (condition: () => boolean) =>
  Effect.gen(function* () {
    while (!condition()) yield* Effect.yieldNow
  })

/** Others had many turns. */
const turns = Effect.gen(function* () {
  for (let turn = 0; turn < 32; turn++) yield* Effect.yieldNow
})

/** A poll that gives these answers, one after the other, and counts. */
const answering = (...answers: ReadonlyArray<WaitPoll.PollAnswer>) => {
  const counted = { polls: 0 }
  return { counted, poll: () => answers[counted.polls++] ?? "ok" }
}

const defectOf = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.map(Effect.exit(effect), (exit) => {
    assert.isTrue(Exit.isFailure(exit) && Cause.hasDies(exit.cause))
    return Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
  })

const nobodyWaits = Effect.map(WaitFd.statistics, (statistics) =>
  assert.deepStrictEqual(statistics, { readers: 0, writers: 0, descriptors: 0 })
)

const unused = () => assert.fail("nobody waits, so nobody asks for the socket")

describe.each(handlers)("waitPoll over $name", ({ run }) => {
  it("polls first: what is done at once does not wait", () =>
    run(
      Effect.gen(function* () {
        const { counted, poll } = answering("ok")
        yield* waitPoll(poll, unused)
        assert.strictEqual(counted.polls, 1)
      })
    ))

  it("waits for what the poll answers, then polls again, until it answers ok", () =>
    run(
      Effect.gen(function* () {
        const endpoint = yield* fixtures.endpoint
        yield* endpoint.makeUnwritable
        const { counted, poll } = answering("read", "write", "readwrite", "ok")
        const fiber = yield* start(waitPoll(poll, endpoint))
        assert.deepInclude(yield* WaitFd.statistics, { readers: 1, writers: 0 })
        yield* endpoint.makeReadable
        yield* until(() => counted.polls === 2)
        yield* endpoint.readAll
        assert.deepInclude(yield* WaitFd.statistics, { readers: 0, writers: 1 })
        yield* endpoint.makeWritable
        yield* until(() => counted.polls >= 3)
        yield* Fiber.join(fiber)
        assert.strictEqual(counted.polls, 4)
        yield* nobodyWaits
      })
    ))

  it("a readwrite wait is over when either can be done", () =>
    run(
      Effect.gen(function* () {
        const endpoint = yield* fixtures.endpoint
        yield* endpoint.makeUnwritable
        const { counted, poll } = answering("readwrite")
        const fiber = yield* start(waitPoll(poll, endpoint))
        assert.strictEqual(counted.polls, 1)
        assert.deepInclude(yield* WaitFd.statistics, { readers: 1, writers: 1 })
        yield* endpoint.makeReadable
        yield* Fiber.join(fiber)
      })
    ))

  it("a socket that is a function is asked before each wait, after the poll", () =>
    run(
      Effect.gen(function* () {
        const first = yield* fixtures.endpoint
        const second = yield* fixtures.endpoint
        yield* first.makeReadable
        yield* second.makeUnwritable
        let current = first
        const order: Array<string> = []
        const answers = answering("read", "read")
        const fiber = yield* start(
          waitPoll(
            () => {
              order.push("poll")
              // The library has given up the first, as libpq does with a host that refuses.
              if (answers.counted.polls === 1) current = second
              return answers.poll()
            },
            () => {
              order.push(current === first ? "first" : "second")
              return current
            }
          )
        )
        yield* until(() => answers.counted.polls === 2)
        yield* turns
        assert.deepStrictEqual(order, ["poll", "first", "poll", "second"])
        yield* second.makeReadable
        yield* Fiber.join(fiber)
      })
    ))

  it("a number that means another file by now is waited for as what it means", () =>
    run(
      Effect.gen(function* () {
        const old = yield* fixtures.endpoint
        const context = yield* Effect.context<FdIo | Scope.Scope>()
        yield* old.makeReadable
        const answers = answering("read", "read")
        let replaced: typeof old | undefined
        const fiber = yield* start(
          waitPoll(() => {
            // The library closes its socket, and the next one gets the number.
            if (answers.counted.polls === 1) replaced = Effect.runSyncWith(context)(old.reuse ?? Effect.succeed(old))
            return answers.poll()
          }, old.fd)
        )
        yield* until(() => answers.counted.polls === 2)
        yield* turns
        assert.strictEqual(replaced?.fd, old.fd)
        assert.isUndefined(fiber.pollUnsafe(), "what was readable is gone")
        yield* replaced?.makeReadable ?? Effect.void
        yield* Fiber.join(fiber)
      })
    ))

  it("fails with the FdError of a wait", () =>
    run(
      Effect.gen(function* () {
        const none = yield* Effect.flip(waitPoll(answering("read").poll, -1))
        assert.deepInclude(none.reason, { _tag: "BadDescriptor", value: -1 })
        const endpoint = yield* fixtures.endpoint
        const fiber = yield* start(Effect.flip(waitPoll(answering("read").poll, endpoint)))
        yield* WaitFd.notifyClosing(endpoint)
        assert.strictEqual((yield* Fiber.join(fiber)).reason._tag, "Closing")
      })
    ))

  it("what poll or socket throws is a defect, and nothing is waited for", () =>
    run(
      Effect.gen(function* () {
        const bug = new Error("bug")
        const throwing = () => {
          throw bug
        }
        const { fd } = yield* fixtures.endpoint
        assert.strictEqual(yield* defectOf(waitPoll(throwing, fd)), bug)
        assert.strictEqual(yield* defectOf(waitPoll(answering("read").poll, throwing)), bug)
        yield* nobodyWaits
      })
    ))

  it("an answer that is none of the four is a TypeError that names it", () =>
    run(
      Effect.gen(function* () {
        const bare: object = Object.create(null)
        for (const [answer, named] of [
          ["done", "'done'"],
          [3, "3"],
          [undefined, "undefined"],
          [bare, "[Object: null prototype] {}"],
          [Promise.resolve("ok"), "Promise"]
        ] as const) {
          // @ts-expect-error -- no such answer
          const defect = yield* defectOf(waitPoll(() => answer, unused))
          assert.instanceOf(defect, TypeError)
          assert.include(String(defect), `poll answered ${named}`)
          assert.include(String(defect), `"ok", "read", "write" or "readwrite"`)
        }
      })
    ))

  it("with catch, what it makes of a thrown error, a bad answer or an FdError is the failure", () =>
    run(
      Effect.gen(function* () {
        const options = { catch: (thrown: unknown) => ({ thrown: String(thrown) }) }
        const throwing = () => {
          throw new Error("SSL SYSCALL error")
        }
        assert.deepStrictEqual(yield* Effect.flip(waitPoll(throwing, unused, options)), {
          thrown: "Error: SSL SYSCALL error"
        })
        // @ts-expect-error -- no such answer
        const answer = yield* Effect.flip(waitPoll(() => "done", unused, options))
        assert.match(answer.thrown, /^TypeError: waitPoll: poll answered 'done'/)
        const bad = yield* Effect.flip(waitPoll(answering("read").poll, () => -1, options))
        assert.match(bad.thrown, /^FdError: wait on -1/)
        const endpoint = yield* fixtures.endpoint
        const fiber = yield* start(Effect.flip(waitPoll(answering("read").poll, endpoint, options)))
        yield* WaitFd.notifyClosing(endpoint)
        assert.match((yield* Fiber.join(fiber)).thrown, /^FdError: .* it is being closed/)
      })
    ))

  it("interruption withdraws the wait at once and polls no more", () =>
    run(
      Effect.gen(function* () {
        const endpoint = yield* fixtures.endpoint
        const { counted, poll } = answering("read", "read", "read")
        const fiber = yield* start(waitPoll(poll, endpoint))
        fiber.interruptUnsafe()
        yield* nobodyWaits
        yield* endpoint.makeReadable
        yield* turns
        assert.strictEqual(counted.polls, 1)
        const exit = yield* Fiber.await(fiber)
        assert.isTrue(Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause))
      })
    ))

  it("a poll that asks for what is ready already is polled again and again, though others have their turn", () =>
    run(
      Effect.gen(function* () {
        const { fd } = yield* fixtures.endpoint
        let over = false
        const fiber = yield* start(waitPoll(() => (over ? "ok" : "write"), fd))
        yield* turns
        over = true
        yield* Fiber.join(fiber)
      })
    ))

  it("is part of a larger protocol by yield*", () =>
    run(
      Effect.gen(function* () {
        const endpoint = yield* fixtures.endpoint
        const { counted, poll } = answering("write", "read")
        const fiber = yield* start(
          Protocol.run(function* () {
            yield* WaitPoll.protocol(poll, endpoint)
            return counted.polls
          })
        )
        yield* endpoint.makeReadable
        assert.strictEqual(yield* Fiber.join(fiber), 3)
        const caught = yield* Protocol.run(function* () {
          try {
            yield* WaitPoll.protocol(answering("read").poll, -1)
            return undefined
          } catch (error) {
            return error
          }
        })
        assert.propertyVal(caught, "_tag", "FdError")
      })
    ))
})

describe("waitPoll", () => {
  it.effect("resumes the fiber once, however often it waits", () => {
    const resumes: Array<() => void> = []
    const layer = Layer.succeed(
      WaitFd,
      WaitFd.fromClause((_request, resume) => {
        resumes.push(() => resume(Exit.succeed({ readable: true, writable: true, hangup: false, error: false })))
        return Handler.nothingToWithdraw
      })
    )
    /** How many operations the fiber performs that waits so often. */
    const operations = Effect.fnUntraced(function* (waits: number) {
      const inner = new Scheduler.MixedScheduler()
      let count = 0
      const counting: Scheduler.Scheduler = {
        executionMode: inner.executionMode,
        makeDispatcher: () => inner.makeDispatcher(),
        shouldYield: (fiber) => {
          count++
          return inner.shouldYield(fiber)
        }
      }
      const { counted, poll } = answering(...Array.from({ length: waits }, () => "read" as const))
      const fiber = yield* start(waitPoll(poll, 3).pipe(Effect.provideService(Scheduler.Scheduler, counting)))
      for (let next; (next = resumes.shift()) !== undefined;) next()
      yield* Fiber.join(fiber)
      assert.strictEqual(counted.polls, waits + 1)
      return count
    })
    return Effect.gen(function* () {
      const once = yield* operations(1)
      assert.isAbove(once, 0)
      assert.strictEqual(yield* operations(100), once)
    }).pipe(Effect.provide(layer))
  })

  it("infers the failure, and requires WaitFd", () => {
    const look = (_: () => void): void => {}
    look(() => {
      const poll = (): "ok" | "read" => "ok"
      expectTypeOf(waitPoll(poll, 3)).toEqualTypeOf<Effect.Effect<void, FdError, WaitFd>>()
      expectTypeOf(waitPoll(poll, () => ({ fileno: () => 3 }))).toEqualTypeOf<Effect.Effect<void, FdError, WaitFd>>()
      expectTypeOf(waitPoll(poll, 3, { catch: () => "failed" as const })).toEqualTypeOf<
        Effect.Effect<void, "failed", WaitFd>
      >()
      expectTypeOf(WaitPoll.protocol(poll, 3)).toEqualTypeOf<Protocol.Protocol<void>>()
      expectTypeOf<WaitPoll.PollAnswer>().toEqualTypeOf<"ok" | Fd.Interest>()
      // @ts-expect-error -- no such answer
      waitPoll(() => "error", 3)
      // @ts-expect-error -- a poll does not wait, it says that it would have to
      waitPoll(async () => "ok", 3)
      // @ts-expect-error -- no descriptor
      waitPoll(poll, "3")
      // @ts-expect-error -- a program that is run provides WaitFd
      void Effect.runPromise(waitPoll(poll, 3))
    })
  })
})
