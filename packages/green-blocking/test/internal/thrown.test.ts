/** What is thrown in one thread is thrown again in the other. */
import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { mark } from "../../src/internal/cloneable.ts"
import { fromThrown, joinStacks, toThrown } from "../../src/internal/thrown.ts"

const across = (error: unknown): unknown => fromThrown(structuredClone(toThrown(error)), "job render")
const errorAcross = (error: unknown): Error => {
  const back = across(error)
  assert(back instanceof Error)
  return back
}

class NotFound extends Error {
  override readonly name = "NotFound"
  readonly key: string
  readonly seen = new Date(0)
  readonly retry = () => 1
  constructor(key: string) {
    super(`no ${key}`)
    this.key = key
  }
}

const revoked = () => {
  const { proxy, revoke } = Proxy.revocable({}, {})
  revoke()
  return proxy
}
const getter = (error: Error, name: string) =>
  Object.defineProperty(error, name, {
    enumerable: true,
    get() {
      throw new Error("hostile")
    }
  })

/** Errors and others, each hostile in its own way. */
const thrown: ReadonlyArray<(inner: unknown) => unknown> = [
  (inner) => new Error("plain", { cause: inner }),
  (inner) => new TypeError("", { cause: inner }),
  (inner) => Object.assign(new NotFound("a"), { inner }),
  (inner) => new AggregateError([inner, 1, inner], "all"),
  (inner) => {
    const error = new Error("cyclic")
    error.cause = new Error("other", { cause: error })
    return Object.assign(error, { inner })
  },
  (inner) => getter(new Error("x", { cause: inner }), "message"),
  (inner) => getter(new Error("x", { cause: inner }), "name"),
  (inner) => getter(new Error("x", { cause: inner }), "stack"),
  () => getter(new Error("x"), "cause"),
  (inner) => getter(Object.assign(new RangeError("x"), { inner }), "field"),
  () => getter(new AggregateError([]), "errors"),
  (inner) => Object.assign(new Error("x"), { message: inner }),
  (inner) => Object.assign(new Error("x"), { stack: inner }),
  (inner) => new Proxy(new Error("x", { cause: inner }), {}),
  () => new Proxy(new Error("x"), { get: () => assert.fail("trap"), getPrototypeOf: () => assert.fail("trap") }),
  () => new Proxy(new Error("x"), { ownKeys: () => assert.fail("trap") }),
  revoked,
  (inner) => Object.assign(new Error("x"), { bytes: new Uint8Array(3), f: () => inner, s: Symbol("s"), n: null }),
  (inner) => Object.setPrototypeOf(new Error("x", { cause: inner }), null),
  () => new DOMException("a", "b"),
  (inner) => ({ inner }),
  () => ({
    [Symbol.for("nodejs.util.inspect.custom")]: () => {
      throw new Error("hostile")
    },
    f: () => 1
  }),
  () => () => 1,
  () => Symbol("s"),
  () => undefined,
  () => "text",
  () => Object.assign(Object.create(null), { f: () => 1 }),
  () => new Error("x", { cause: Object.assign([1], { f: () => 1 }) })
]

const numbers = Arbitrary.array(
  Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: thrown.length - 1 }))),
  { minLength: 1, maxLength: 30 }
)
const build = (numbers: ReadonlyArray<number>): unknown =>
  numbers.reduce((inner: unknown, number) => thrown[number]?.(inner), "innermost")

describe("toThrown and fromThrown", () => {
  it("keep an error's class, message, fields and cause, and put its stack above the marker", () => {
    const error = Object.assign(new TypeError("bad", { cause: new NotFound("a") }), { code: "E1", at: { x: [1] } })
    const back = errorAcross(error)
    assert.instanceOf(back, TypeError)
    assert.strictEqual(back.message, "bad")
    assert.deepStrictEqual({ ...back }, { code: "E1", at: { x: [1] } })
    assert.strictEqual(back.stack, `${error.stack}\n    at job render`)
    assert.deepStrictEqual(Object.keys(back), ["code", "at"])
    const cause = back.cause
    assert(cause instanceof Error)
    assert.strictEqual(cause.name, "NotFound")
    assert.strictEqual(cause.message, "no a")
    assert.deepStrictEqual({ ...cause }, { key: "a", seen: new Date(0) })
    assert.notProperty(cause, "retry")
  })

  it("keep every class of the language", () => {
    for (const Class of [Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError]) {
      const back = errorAcross(new Class("m"))
      assert.strictEqual(back.constructor, Class)
      assert.isFalse(Object.hasOwn(back, "name"))
    }
  })

  it("keep the errors of an AggregateError, as errors", () => {
    const back = errorAcross(
      new AggregateError([new RangeError("a"), "b", new AggregateError([new NotFound("c")])], "all")
    )
    assert(back instanceof AggregateError)
    assert.instanceOf(back.errors[0], RangeError)
    assert.strictEqual(back.errors[1], "b")
    assert.strictEqual(back.errors[2].errors[0].key, "c")
    assert.deepStrictEqual(Object.keys(back), [])
  })

  it("keep so many errors of AggregateErrors and no more", () => {
    let error: unknown = new Error("x")
    for (let level = 0; level < 10; level++) error = new AggregateError(Array.from({ length: 10 }, () => error))
    assert.isAtMost(JSON.stringify(toThrown(error)).split('"stack"').length, 70)
  })

  it("keep causes to a depth of 16, and leave out a cause that is met again", () => {
    let deep: Error = new Error("0")
    for (let level = 1; level < 40; level++) deep = new Error(String(level), { cause: deep })
    let depth = 0
    for (let at: unknown = across(deep); at instanceof Error; at = at.cause) depth++
    assert.strictEqual(depth, 17)
    const cyclic = new Error("a")
    cyclic.cause = new Error("b", { cause: cyclic })
    const cause = errorAcross(cyclic).cause
    assert(cause instanceof Error)
    assert.isUndefined(cause.cause)
  })

  it("give other values as they are if they can be cloned, and else as text", () => {
    assert.deepStrictEqual(across({ a: [1n] }), { a: [1n] })
    assert.strictEqual(across(undefined), undefined)
    assert.strictEqual(across(Symbol("s")), "Symbol(s)")
    assert.strictEqual(across({ f: 1, g: Symbol("x") }), "{ f: 1, g: Symbol(x) }")
  })

  it("take the fields that the class encodes, and the own ones if that throws", () => {
    const error = new NotFound("a")
    const encoded = toThrown(error, () => ({ id: 1, name: "its own", message: "its own" }))
    assert(encoded.error)
    assert.deepStrictEqual(encoded.fields, { id: 1, name: "its own", message: "its own" })
    const own = toThrown(error, () => {
      throw new Error("no")
    })
    assert(own.error)
    assert.deepStrictEqual(own.fields, { key: "a", seen: new Date(0) })
  })

  it("never set what would change more than a field", () => {
    const back = fromThrown(
      {
        error: true,
        name: "Error",
        message: "m",
        stack: "Error: m\n    at f",
        fields: Object.fromEntries([
          ["__proto__", { polluted: true }],
          ["message", "x"],
          ["stack", "x"],
          ["ok", 1]
        ]),
        cause: undefined
      },
      "job"
    )
    assert(back instanceof Error)
    assert.strictEqual(Object.getPrototypeOf(back), Error.prototype)
    assert.strictEqual(back.message, "m")
    assert.strictEqual(back.stack, "Error: m\n    at f\n    at job")
    assert.deepStrictEqual({ ...back }, { ok: 1 })
  })

  it("copy what is marked to be moved", () => {
    const bytes = new Uint8Array(3)
    mark(bytes)
    assert.deepStrictEqual({ ...errorAcross(Object.assign(new Error("x"), { bytes })) }, { bytes })
    assert.strictEqual(bytes.byteLength, 3)
  })

  it("never throw, whatever it is", () => {
    for (const one of thrown) across(one("inner"))
  })

  it.effect.prop(
    "never throw, and keep name and message, for any nest of hostile errors",
    [numbers],
    ([numbers]) =>
      Effect.sync(() => {
        const error = build(numbers)
        const sent = toThrown(error)
        const cloned = structuredClone(sent)
        assert.deepStrictEqual(cloned, sent)
        const back = fromThrown(cloned, "job")
        if (!sent.error) return
        assert(back instanceof Error)
        assert.strictEqual(back.message, sent.message)
        assert.strictEqual(back.name, sent.name)
        assert.isTrue(back.stack?.endsWith("\n    at job"))
      }),
    { arbitrary: { runs: 500 } }
  )
})

describe("joinStacks", () => {
  it("puts our frames, without their header, below the marker", () => {
    assert.strictEqual(
      joinStacks(
        "NotFound: a\n    at host (a.ts:1)",
        "perform Get",
        "Error: x\nsecond line\n    at job (b.ts:2)\n    at c"
      ),
      "NotFound: a\n    at host (a.ts:1)\n    at perform Get\n    at job (b.ts:2)\n    at c"
    )
  })

  it("is one of the two if there is no other", () => {
    assert.strictEqual(joinStacks(undefined, "m", "Error: x\n    at f"), "Error: x\n    at f")
    assert.strictEqual(joinStacks("E\n    at g", "m", undefined), "E\n    at g\n    at m")
    assert.strictEqual(joinStacks("E\n    at g", "m", "Error: no frames"), "E\n    at g\n    at m")
    assert.strictEqual(joinStacks(undefined, "m", undefined), "")
  })
})
