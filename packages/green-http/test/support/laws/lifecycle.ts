/** The laws of what ends early: interrupted, discarded, failed, too late. And of many at once. */
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import type { RequestBody } from "green-http/HttpExchange"
import { getAll } from "green-http/HttpHeaders"
import { collected } from "../collected.ts"
import { bytes, law, type Law, read, until } from "../exchangeLaws.ts"

const never = (): Promise<Response> => new Promise(() => {})

/** A body without end, and whether the server has been told to stop. */
const endless = (before: () => Promise<void> | void = turn) => {
  let stopped = false
  const body = new ReadableStream<Uint8Array>({
    pull: async (controller) => {
      await before()
      if (!stopped) controller.enqueue(bytes(1000))
    },
    cancel: () => {
      stopped = true
    }
  })
  return { body, stopped: () => stopped }
}

const turn = (): Promise<void> =>
  new Promise((resolve) => {
    setImmediate(resolve)
  })

export const lifecycle: ReadonlyArray<Law> = [
  law("interrupted before the head, it aborts the server's side", ["server"], (open) =>
    Effect.gen(function* () {
      let asked = false
      let aborted = false
      const peer = yield* open.fetch(({ signal }) => {
        asked = true
        signal.addEventListener("abort", () => (aborted = true))
        return never()
      })
      const fiber = yield* Effect.forkChild(peer.ask("/"))
      yield* until(() => asked)
      assert.isFalse(aborted)
      // What the handler has not kept is garbage now: its signal must not be.
      yield* collected
      yield* Fiber.interrupt(fiber)
      yield* until(() => aborted)
    })
  ),

  law("an answer that comes after the interrupt is let go of", ["server"], (open) =>
    Effect.gen(function* () {
      const { body, stopped } = endless()
      const answer = Promise.withResolvers<Response>()
      let asked = false
      const peer = yield* open.fetch(() => {
        asked = true
        return answer.promise
      })
      const fiber = yield* Effect.forkChild(peer.ask("/"))
      yield* until(() => asked)
      yield* Fiber.interrupt(fiber)
      answer.resolve(new Response(body))
      yield* until(stopped)
    })
  ),

  law("interrupted at once, it does no harm", ["server"], (open) =>
    Effect.gen(function* () {
      const peer = yield* open.fetch(() => new Response("body"))
      for (let n = 0; n < 20; n++) {
        const fiber = yield* Effect.forkChild(peer.ask("/", { method: "POST", body: bytes(10) }), {
          startImmediately: true
        })
        yield* Fiber.interrupt(fiber)
      }
      assert.strictEqual(yield* peer.text("/"), "body")
    })
  ),

  law("discarded, a body without end stops at the server", ["server"], (open) =>
    Effect.gen(function* () {
      const { body, stopped } = endless()
      const peer = yield* open.fetch(() => new Response(body))
      const response = yield* peer.ask("/")
      yield* response.body.pull
      yield* response.body.discard
      yield* until(stopped)
    })
  ),

  law("reading a body without end can be interrupted, and timers go meanwhile", ["server"], (open) =>
    Effect.gen(function* () {
      const { body, stopped } = endless(() => {})
      const peer = yield* open.fetch(() => new Response(body))
      const response = yield* peer.ask("/")
      yield* Effect.timeoutOption(Effect.forever(response.body.pull), 20)
      yield* response.body.discard
      yield* until(stopped)
    })
  ),

  law("discard is harmless at any time: before a pull, between, after the end, twice", [], (open) =>
    Effect.gen(function* () {
      const peer = yield* open.fetch(() => new Response(bytes(200_000).slice()))
      for (let pulls = 0; pulls < 3; pulls++) {
        const { body } = yield* peer.ask("/")
        for (let n = 0; n < pulls; n++) yield* body.pull
        yield* body.discard
        yield* body.discard
      }
      const response = yield* peer.ask("/")
      yield* read(response)
      yield* response.body.discard
      yield* response.body.discard
      assert.isUndefined(yield* response.body.pull)
      assert.strictEqual((yield* Effect.flatMap(peer.ask("/"), read)).byteLength, 200_000)
    })
  ),

  law("pulled after it was discarded, a body ends or fails", [], (open) =>
    Effect.gen(function* () {
      const peer = yield* open.fetch(() => new Response(bytes(200_000).slice()))
      for (const size of [0, 1]) {
        const { body } = yield* peer.ask("/")
        for (let n = 0; n < size; n++) yield* body.pull
        yield* body.discard
        const exit = yield* Effect.exit(body.pull)
        if (Exit.isSuccess(exit)) assert.isUndefined(exit.value)
      }
    })
  ),

  law("discarded while somebody pulls, a body ends or fails for him", ["server"], (open) =>
    Effect.gen(function* () {
      const peer = yield* open.fetch(() => new Response(new ReadableStream({ start: (c) => c.enqueue(bytes(10)) })))
      const { body } = yield* peer.ask("/")
      yield* body.pull
      const waiting = yield* Effect.forkChild(Effect.exit(body.pull), { startImmediately: true })
      yield* body.discard
      const exit = yield* Fiber.join(waiting)
      if (Exit.isSuccess(exit)) assert.isUndefined(exit.value)
    })
  ),

  law(
    "a server that fails before the head is a typed failure: Connect, or Protocol where the connection stays",
    ["breaks"],
    (open) =>
      Effect.gen(function* () {
        const peer = yield* open.fetch(() => {
          throw new Error("broken")
        })
        const error = yield* Effect.flip(peer.ask("/"))
        assert.include(["Connect", "Protocol"], error.reason._tag, error.message)
      })
  ),

  law("a server that fails in the middle of the body is a typed failure: Protocol, also later", ["server"], (open) =>
    Effect.gen(function* () {
      const broken = Promise.withResolvers<void>()
      const body = new ReadableStream<Uint8Array>({
        start: (controller) => controller.enqueue(bytes(10)),
        pull: () => broken.promise
      })
      const peer = yield* open.fetch(() => new Response(body))
      const response = yield* peer.ask("/")
      assert.strictEqual((yield* response.body.pull)?.[0].byteLength, 10)
      broken.reject(new Error("half"))
      const error = yield* Effect.flip(response.body.pull)
      assert.strictEqual(error.reason._tag, "Protocol", error.message)
      assert.strictEqual((yield* Effect.flip(response.body.pull)).reason._tag, "Protocol")
      yield* response.body.discard
    })
  ),

  law("the time-outs for the head and for the next bytes are kept, and abort the server's side", ["server"], (open) =>
    Effect.gen(function* () {
      let aborted = 0
      const peer = yield* open.fetch(({ signal, url }) => {
        signal.addEventListener("abort", () => aborted++)
        if (url.endsWith("/head")) return never()
        return new Response(new ReadableStream({ start: (controller) => controller.enqueue(bytes(10)) }))
      })
      const head = yield* Effect.flip(peer.ask("/head", { timeouts: { response: 30 } }))
      assert.deepStrictEqual(head.reason, { _tag: "Timeout", phase: "response", milliseconds: 30 })
      yield* until(() => aborted === 1)
      const response = yield* peer.ask("/body", { timeouts: { response: 30_000, body: 30 } })
      yield* response.body.pull
      const body = yield* Effect.flip(response.body.pull)
      assert.deepStrictEqual(body.reason, { _tag: "Timeout", phase: "body", milliseconds: 30 })
      yield* until(() => aborted === 2)
    })
  ),

  law("a hundred exchanges at once do not mix", [], (open) =>
    Effect.gen(function* () {
      const peer = yield* open.fetch(
        async (request) => new Response(`${request.url.slice(-3)} ${await request.text()}`)
      )
      const numbers = Array.from({ length: 100 }, (_, n) => String(n).padStart(3, "0"))
      const answers = yield* Effect.forEach(
        numbers,
        (n) => peer.text(`/${n}`, { method: "POST", body: new TextEncoder().encode(`body ${n}`) }),
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual(
        answers,
        numbers.map((n) => `${n} body ${n}`)
      )
    })
  ),

  law("whatever is sent to an echo comes back", [], (open) =>
    Effect.gen(function* () {
      const peer = yield* open.fetch(async (request) => {
        const headers = [...request.headers].filter(([name]) => name.startsWith("x-"))
        return new Response(await request.arrayBuffer(), { headers: [["method", request.method], ...headers] })
      })
      for (let seed = 1; seed <= 40; seed++) {
        const { body, fields, method, whole } = anything(random(seed))
        const headers = fields.flatMap(([name, value]) => [name, value])
        const response = yield* peer.ask(`/?${seed}`, { method, headers, body })
        const said = `of seed ${seed}`
        assert.deepStrictEqual(getAll(response.headers, "method"), [method], said)
        for (const [name] of fields) {
          const values = fields
            .filter(([other]) => other.toLowerCase() === name.toLowerCase())
            .map(([, value]) => value)
          assert.strictEqual(getAll(response.headers, name).join(", "), values.join(", "), said)
        }
        assert.isTrue((yield* read(response)).equals(whole), said)
      }
    })
  )
]

type Random = (below: number) => number

/** The same numbers for the same seed. */
const random = (seed: number): Random => {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

const anything = (next: Random) => {
  const text = (characters: string, length: number) =>
    Array.from({ length }, () => characters[next(characters.length)]).join("")
  const fields = Array.from({ length: next(6) }, (): [string, string] => [
    text("xX", 1) + "-" + text("aAb_!~.", 1 + next(3)),
    text("abc;,=\"'%{}", next(30)) + "z"
  ])
  const whole = bytes(next(3) === 0 ? next(10) : next(200_000))
  const cut = next(whole.byteLength + 1)
  const stream = Stream.make(whole.subarray(0, cut), whole.subarray(cut))
  const bodies: ReadonlyArray<RequestBody> = [whole, { stream }, { stream, length: whole.byteLength }]
  const method = ["POST", "PUT", "PATCH", "DELETE"][next(4)] ?? "POST"
  return { fields, whole, method, body: bodies[next(3)] ?? whole }
}
