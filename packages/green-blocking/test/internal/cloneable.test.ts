/** What can be cloned is what the platform clones, with its place; and what is marked is moved. */
import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { Blob as NodeBlob } from "node:buffer"
import { createSecretKey } from "node:crypto"
import { BlockList } from "node:net"
import { runInNewContext, runInThisContext } from "node:vm"
import { MessageChannel, receiveMessageOnPort } from "node:worker_threads"
import { inspect, mark, maxDepth, problemOf } from "../../src/internal/cloneable.ts"

/** What a message port does with it: what arrives, or what it throws. */
const post = (value: unknown): { readonly arrived: unknown } | { readonly thrown: unknown } => {
  const { port1, port2 } = new MessageChannel()
  try {
    port1.postMessage(value, [...inspect(value).transfer])
    return { arrived: receiveMessageOnPort(port2)?.message }
  } catch (thrown) {
    return { thrown }
  } finally {
    port1.close()
  }
}

const pathOf = (value: unknown) => inspect(value).problem?.path
const problem = (value: unknown) => inspect(value).problem?.problem ?? ""

class Point {
  readonly x = 1
}
class Registry extends Map<string, number> {}
class List extends Array<number> {}
class Bytes extends Uint8Array<ArrayBuffer> {}
class NotFound extends TypeError {}

const revoked = () => {
  const { proxy, revoke } = Proxy.revocable({}, {})
  revoke()
  return proxy
}
const detached = () => {
  const buffer = new ArrayBuffer(8)
  structuredClone(buffer, { transfer: [buffer] })
  return buffer
}
const detachedView = () => {
  const view = new Uint8Array(8)
  structuredClone(view, { transfer: [view.buffer] })
  return view
}
const shrunk = (make: (buffer: ArrayBuffer) => ArrayBufferView) => {
  const buffer = new ArrayBuffer(4, { maxByteLength: 8 })
  const view = make(buffer)
  buffer.resize(1)
  return view
}
const cyclic = () => {
  const value: { self?: unknown; readonly all: Array<unknown> } = { all: [] }
  value.self = value
  value.all.push(value, value.all)
  return value
}
const withArguments = (...given: ReadonlyArray<unknown>) =>
  (function (this: void, ..._: ReadonlyArray<unknown>) {
    return arguments
  })(...given)
const nested = (depth: number) => {
  let value: unknown = []
  for (let level = 0; level < depth; level++) value = { value }
  return value
}

/** Leaves of which the platform and we think the same. */
const leaves: ReadonlyArray<() => unknown> = [
  () => "text",
  () => 1,
  () => 1n,
  () => undefined,
  () => null,
  () => true,
  () => Number.NaN,
  () => new Date(0),
  () => /a/g,
  () => Object(1),
  () => Object("a"),
  () => new ArrayBuffer(4),
  () => new SharedArrayBuffer(4),
  () => new Uint8Array(2),
  () => new Float64Array(new SharedArrayBuffer(8)),
  () => new DataView(new ArrayBuffer(1)),
  () => new Uint8Array(),
  () => Buffer.from("abc"),
  () => new Error("plain"),
  () => new RangeError("plain", { cause: { a: 1 } }),
  () => new DOMException("a", "b"),
  () => new NodeBlob(["a"]),
  () => new BlockList(),
  () => createSecretKey(Buffer.alloc(4)),
  () => runInThisContext("new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true })"),
  () => Object.assign(Object.create(null), { a: 1 }),
  () => runInNewContext("({ a: [new Map([[1, new Date(0)]])], b: new TypeError('x'), c: new Uint8Array(2) })"),
  () => Array.from({ length: 3 }),
  () => Object.assign([], { 5_000_000: 1 }),
  () => "a-b".match(/a/),
  () => Math,
  cyclic,
  () => ({
    get a() {
      return 1
    }
  }),
  () => ({ [Symbol("ignored")]: () => 1 }),
  () => Object.defineProperty({}, "hidden", { value: () => 1 }),
  // and those that are refused
  () => () => 1,
  () => Symbol("s"),
  () => Object(Symbol("s")),
  () => Promise.resolve(1),
  () => new WeakMap(),
  () => new WeakSet(),
  () => new WeakRef({}),
  () => [1][Symbol.iterator](),
  () => new Proxy({}, {}),
  () => new Proxy([], {}),
  () => new Proxy(() => 1, {}),
  revoked,
  () => withArguments(1),
  () => globalThis,
  () => new Intl.NumberFormat(),
  () => runInThisContext("new WebAssembly.Memory({ initial: 1 })"),
  () => new URL("http://a/"),
  () => new Headers(),
  () => new ReadableStream(),
  () => new MessageChannel().port1,
  detached,
  detachedView,
  () => shrunk((buffer) => new Uint8Array(buffer, 2, 2)),
  () => shrunk((buffer) => new DataView(buffer, 2, 2)),
  () => ({
    get a(): never {
      throw new RangeError("boo")
    }
  }),
  () => ({
    get a() {
      return () => 1
    }
  }),
  () => ({ toJSON: () => 1 }),
  () => new Error("x", { cause: () => 1 }),
  () => Object.assign(new Error("x"), { message: Symbol("x") }),
  () =>
    Object.defineProperty(new Error("x"), "stack", {
      get() {
        throw new RangeError("boo")
      }
    })
]

/** Where a value can be inside another. */
const containers: ReadonlyArray<(inside: unknown, also: unknown) => unknown> = [
  (inside, also) => [also, inside],
  (inside, also) => ({ also, inside }),
  (inside, also) => ({ "a key": inside, also }),
  (inside, also) => new Map([[also, inside]]),
  (inside, also) => new Map([[inside, also]]),
  (inside, also) => new Set([also, inside]),
  (inside) => new Error("outer", { cause: inside }),
  (inside, also) => Object.assign(Object.create(null), { also, inside: [inside, inside] })
]

/** A tree that the numbers describe. */
const tree = (numbers: ReadonlyArray<number>): unknown => {
  let value: unknown = pick(leaves, numbers[0] ?? 0)()
  for (const number of numbers.slice(1)) {
    value = pick(containers, number)(value, number % 3 === 0 ? pick(leaves, number)() : number)
  }
  return value
}
const pick = <A>(all: ReadonlyArray<A>, number: number): A => {
  const one = all[number % all.length]
  assert(one !== undefined)
  return one
}
const numbers = Arbitrary.array(Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 9999 }))), {
  minLength: 1,
  maxLength: 7
})

const agree = (value: unknown, what: string) => {
  const { problem } = inspect(value)
  const posted = post(value)
  assert.strictEqual(
    problem === undefined,
    "arrived" in posted,
    `${what}: ${problem?.path} ${problem?.problem} / ${"thrown" in posted ? String(posted.thrown) : "arrived"}`
  )
}

describe("inspect", () => {
  it("thinks of every kind of value what the platform does", () => {
    for (const [index, leaf] of leaves.entries()) agree(leaf(), `leaf ${index} (${leaf})`)
  })

  it.effect.prop(
    "thinks of any tree of values what the platform does",
    [numbers],
    ([numbers]) => Effect.sync(() => agree(tree(numbers), JSON.stringify(numbers))),
    { arbitrary: { runs: 1500 } }
  )

  it("refuses what would lose its class without a word", () => {
    for (const value of [
      new Point(),
      new Registry(),
      new List(),
      new Bytes(new ArrayBuffer(2)),
      new NotFound("x"),
      new TextEncoder(),
      new AbortController(),
      new EventTarget(),
      Object.create({ inherited: 1 }),
      Object.create(Map.prototype)
    ]) {
      assert.include(problem({ value }), "arrives without its class")
      assert.isTrue("arrived" in post(value))
    }
    assert.include(problem(new Point()), "an instance of Point")
  })

  it("says where", () => {
    const f = () => 1
    const key = { id: 1 }
    for (const [value, path] of [
      [f, ""],
      [[{ at: { name: f } }], "[0].at.name"],
      [{ "a key": f }, '["a key"]'],
      [{ größe: { $_1: f } }, ".größe.$_1"],
      [{ "": f }, '[""]'],
      [{ "0": f }, '["0"]'],
      [new Map([["k", [f]]]), '.get("k")[0]'],
      [
        new Map<unknown, unknown>([
          [2n, 1],
          [3, f]
        ]),
        ".get(3)"
      ],
      [new Map([[key, f]]), ".get(<key 0>)"],
      [
        new Map<unknown, unknown>([
          [1, 1],
          [[f], 1]
        ]),
        "<key 1>[0]"
      ],
      [new Set([1, { f }]), "<value 1>.f"],
      [new Error("x", { cause: [f] }), ".cause[0]"],
      [Object.assign([], { 4_000_000: f }), "[4000000]"]
    ] satisfies ReadonlyArray<readonly [unknown, string]>) {
      assert.strictEqual(pathOf(value), path)
    }
  })

  it("says what to do", () => {
    assert.include(problem({ f() {} }), "a function (f) cannot be cloned: send the values")
    assert.include(problem([Promise.resolve()]), "await it first")
    assert.include(problem([new URL("http://a/")]), "send its href")
    assert.include(problem(new MessageChannel().port1), "move(value)")
    assert.include(problem(detached()), "moved to another thread before")
    assert.include(
      problem({
        get a() {
          throw new Error("boo")
        }
      }),
      "boo"
    )
  })

  it("tells values that are nested too deep, and walks long lists, cycles and shared parts in time", () => {
    assert.isUndefined(inspect(nested(maxDepth - 1)).problem)
    assert.include(problem(nested(maxDepth + 2)), "nested deeper")
    assert.include(problem(nested(200_000)), "nested deeper")
    let shared: unknown = {}
    for (let level = 0; level < 200; level++) shared = [shared, shared]
    assert.isUndefined(inspect(shared).problem)
    assert.isUndefined(inspect(Array.from({ length: 100_000 }, () => cyclic())).problem)
    const sparse: Array<number> = []
    sparse[4_000_000_000] = 1
    assert.isUndefined(inspect(sparse).problem)
  })

  it("gives the same two empty answers for all that is fine", () => {
    assert.strictEqual(inspect(1), inspect({ a: [] }))
    assert.deepStrictEqual(inspect("a"), { problem: undefined, transfer: [] })
  })
})

describe("problemOf", () => {
  it("says what the platform said, and what a getter threw", () => {
    const named = Object.assign([1], { f: () => 1 })
    const posted = post(named)
    assert("thrown" in posted)
    assert.include(problemOf(posted.thrown).problem, "could not be cloned")
    assert.include(problemOf(new RangeError("boo")).problem, "boo")
    assert.include(problemOf(new RangeError("Maximum call stack size exceeded")).problem, "nested deeper")
    assert.strictEqual(problemOf(revoked()).path, "")
  })
})

describe("mark", () => {
  const moving = <A extends object>(value: A): A => {
    mark(value)
    return value
  }

  it("has memory, views, ports and streams moved, each once, wherever they are", () => {
    const buffer = moving(new ArrayBuffer(8))
    const view = moving(new Uint8Array(8))
    const port = moving(new MessageChannel().port1)
    const stream = moving(new ReadableStream())
    const value = {
      a: [buffer, view, new Map([[port, stream]])],
      b: view,
      c: new Uint16Array(buffer),
      d: view.subarray(1)
    }
    assert.deepStrictEqual([...inspect(value).transfer], [buffer, view.buffer, port, stream])
    assert.isTrue("arrived" in post(value))
    assert.isTrue(buffer.detached && view.buffer.detached)
  })

  it("leaves what is not marked where it is", () => {
    moving(new ArrayBuffer(1))
    const view = new Uint8Array(8)
    assert.deepStrictEqual(inspect({ view, buffer: view.buffer }).transfer, [])
    assert.isTrue("arrived" in post(view))
    assert.strictEqual(view.byteLength, 8)
  })

  it("has only the view's own sending take the memory along", () => {
    const buffer = new ArrayBuffer(8)
    moving(new Uint8Array(buffer))
    assert.deepStrictEqual(inspect(new Uint8Array(buffer)).transfer, [])
  })

  it("has memory of a pool, and memory that is gone, told as problems", () => {
    assert.include(problem([moving(Buffer.from("small"))]), "pool")
    assert.strictEqual(pathOf([moving(Buffer.from("small"))]), "[0]")
    const view = moving(new Uint8Array(8))
    post(view)
    assert.include(problem({ view }), "moved to another thread before")
    assert.include(problem(moving(detached())), "moved to another thread before")
  })

  it("throws a TypeError for what is shared, and for what does not move", () => {
    assert.throws(() => mark(new SharedArrayBuffer(1)), TypeError, /is shared by both threads/)
    assert.throws(() => mark(new Uint8Array(new SharedArrayBuffer(1))), TypeError, /is shared by both threads/)
    for (const value of [1, null, {}, [], () => 1, new Map(), revoked(), Symbol("s"), new URL("http://a/")]) {
      assert.throws(() => mark(value), TypeError, /can be moved/)
    }
  })
})
