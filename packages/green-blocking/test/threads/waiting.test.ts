/** What only threads do: block, be told that it takes too long, and move what is large. */
import { describe, expect, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as Rpc from "effect/rpc/Rpc"
import { green, move } from "green-blocking"
import { WaitOps } from "../fixtures/waitOps.ts"
import { threads } from "../support/pools.ts"

const url = new URL("../fixtures/waitJobs.ts", import.meta.url)
const load = () => import("../fixtures/waitJobs.ts")
const blocks = green(load, url, "blocks")
const leavesBehind = green(load, url, "leavesBehind")
const movesBytes = green(load, url, "movesBytes")
const nonsense = green(load, url, "nonsense")
const stuckStream = green(load, url, "stuckStream")
const takesBytes = green(load, url, "takesBytes")
const waitsForUninterruptible = green(load, url, "waitsForUninterruptible")
const waitsInVain = green(load, url, "waitsInVain")

const turn = Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))

/** What the handlers have moved away. */
const answers: Array<Uint8Array> = []

const handlers = () => {
  const interrupted: Array<string> = []
  const released = Deferred.makeUnsafe<void>()
  const say = (name: string) =>
    Effect.sync(() => {
      interrupted.push(name)
    })
  return WaitOps.toLayer({
    Never: () => Effect.onInterrupt(Effect.never, () => say("Never")),
    Turns: ({ count }) =>
      Effect.andThen(
        Deferred.succeed(released, undefined),
        Effect.as(Effect.repeat(turn, { times: count - 1 }), count)
      ),
    Uninterruptible: () => Rpc.uninterruptible(Effect.andThen(Deferred.await(released), say("Uninterruptible"))),
    Stuck: () => Stream.concat(Stream.make(1), Stream.fromEffect(Effect.onInterrupt(Effect.never, () => say("Stuck")))),
    Interrupted: () => Effect.sync(() => [...interrupted]),
    MoveBack: ({ bytes }) =>
      Effect.sync(() => {
        const answer = move(new Uint8Array(bytes))
        answers.push(answer)
        return answer
      })
  })
}

describe("a time-out", () => {
  it.layer(threads.layer(WaitOps, handlers()))("of an operation", (it) => {
    it.effect("throws, interrupts the handler, and the job goes on", () =>
      Effect.gen(function* () {
        const { interrupted, milliseconds, timeouts, turns } = yield* waitsInVain(20)
        const timeout = { operation: "Never", milliseconds: 20 }
        expect(timeouts).toEqual([timeout, timeout])
        expect(milliseconds).toBeGreaterThanOrEqual(39)
        expect(turns).toBe(3)
        expect(interrupted).toEqual(["Never", "Never"])
      })
    )
  })

  it.layer(threads.layer(WaitOps, handlers()))("of zero", (it) => {
    it.effect("throws at once what is not there", () =>
      Effect.gen(function* () {
        const { interrupted, timeouts, turns } = yield* waitsInVain(0)
        const timeout = { operation: "Never", milliseconds: 0 }
        expect(timeouts).toEqual([timeout, timeout])
        expect(turns).toBe(3)
        expect(interrupted).toEqual(["Never", "Never"])
      })
    )
  })

  it.layer(threads.layer(WaitOps, handlers()))("of what cannot be interrupted", (it) => {
    it.effect("throws as well, and the handler goes on to its end", () =>
      Effect.gen(function* () {
        const { said, timeout } = yield* waitsForUninterruptible()
        expect(timeout).toEqual({ operation: "Uninterruptible", milliseconds: 0 })
        expect(said).toEqual(["Uninterruptible"])
      })
    )
  })

  it.layer(threads.layer(WaitOps, handlers()))("of a stream", (it) => {
    it.effect("is one for each chunk, and ends the stream", () =>
      Effect.gen(function* () {
        const { interrupted, timeout, values } = yield* stuckStream()
        expect(values).toEqual([1])
        expect(timeout).toEqual({ operation: "Stuck", milliseconds: 1_000 })
        expect(interrupted).toEqual(["Stuck"])
      })
    )

    it.effect.each([-1, "soon", "1 fortnight"] as const)("of %s is refused before anything is asked", (timeout) =>
      Effect.gen(function* () {
        expect(yield* nonsense(timeout)).toMatch(/^Never: its time-out must be a duration from zero on/)
      })
    )
  })
})

it.layer(threads.layer(WaitOps, handlers()))("a job that waits", (it) => {
  it.effect("blocks its own thread, and not that of the host", () =>
    Effect.gen(function* () {
      expect(yield* blocks(20)).toEqual({ fired: 0, turns: 20 })
    })
  )

  it.effect("cannot perform when it is over, in a microtask and in a timer", () =>
    Effect.gen(function* () {
      const memory = new SharedArrayBuffer(8)
      yield* leavesBehind(memory)
      const words = new Int32Array(memory)
      while (Atomics.load(words, 0) === 0 || Atomics.load(words, 1) === 0) yield* turn
      expect([...words]).toEqual([1, 1])
    })
  )
})

it.layer(threads.layer(WaitOps, handlers()))("what is marked by move", (it) => {
  it.effect("goes as itself: arguments and results", () =>
    Effect.gen(function* () {
      const bytes = new Uint8Array(1_000_000).fill(8)
      const back = yield* takesBytes(move(bytes))
      expect(bytes.byteLength).toBe(0)
      expect(bytes.buffer.detached).toBe(true)
      expect(back.byteLength).toBe(1_000_000)
      expect(back[999_999]).toBe(8)
    })
  )

  it.effect("goes as itself: payloads and answers", () =>
    Effect.gen(function* () {
      const { back, left } = yield* movesBytes()
      expect(left).toBe(0)
      expect(answers.map((answer) => answer.byteLength)).toEqual([0])
      expect(back.byteLength).toBe(1_000_000)
      expect(back[999_999]).toBe(9)
    })
  )
})
