/** Which types can be cloned, and what is said of those that cannot. */
import { assert, describe, expectTypeOf, it } from "@effect/vitest"
import type * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Schema from "effect/Schema"
import type { Cloneable, Mistake } from "green-blocking/Cloneable"
import { move } from "green-blocking/Cloneable"
import type { KeyObject } from "node:crypto"
import type { FileHandle } from "node:fs/promises"
import type { MessagePort } from "node:worker_threads"

interface User {
  readonly name: string
  readonly age?: number
  readonly born: Date
}

type Json = string | number | boolean | null | ReadonlyArray<Json> | { readonly [key: string]: Json }

interface Tree {
  readonly value: number
  readonly left?: Tree | undefined
  readonly right?: Tree | undefined
  readonly children: ReadonlyArray<Tree>
  readonly byName: ReadonlyMap<string, Tree>
}

interface BadTree {
  readonly children: ReadonlyArray<BadTree>
  readonly onVisit: () => void
}

interface Node0 {
  readonly next: { readonly next: { readonly next: { readonly next: { readonly next: { readonly f: () => void } } } } }
}

class Account {
  readonly id = 1
  total(): number {
    return this.id
  }
}

class Closed extends Error {
  readonly code = 1
}

type Passes<T> = [T] extends [Cloneable<T>] ? true : false

/** As a job is declared: the arguments and the result are known from the function, then checked. */
declare const job: <Args extends ReadonlyArray<unknown>, Result>(
  run: (...args: Args) => Result,
  ...check: [Cloneable<Args>, Cloneable<Result>] extends [Args, Result]
    ? []
    : [mistakes: readonly [Cloneable<Args>, Cloneable<Result>]]
) => (...args: Args) => Result

declare const send: <T>(value: Cloneable<T> & T) => T

/** Looked at, and never called. */
const look = (_: () => void): void => {}

describe("Cloneable", () => {
  it("is the type itself for what can be cloned", () => {
    expectTypeOf<Cloneable<string>>().toEqualTypeOf<string>()
    expectTypeOf<Cloneable<undefined>>().toEqualTypeOf<undefined>()
    expectTypeOf<Cloneable<void>>().toEqualTypeOf<void>()
    expectTypeOf<Cloneable<never>>().toEqualTypeOf<never>()
    expectTypeOf<Cloneable<bigint | "a" | null>>().toEqualTypeOf<bigint | "a" | null>()
    expectTypeOf<Cloneable<string & { readonly brand: "id" }>>().toEqualTypeOf<string & { readonly brand: "id" }>()
    expectTypeOf<Cloneable<User>>().toEqualTypeOf<User>()
    expectTypeOf<Cloneable<ReadonlyArray<User>>>().toEqualTypeOf<ReadonlyArray<User>>()
    expectTypeOf<Cloneable<Array<User>>>().toEqualTypeOf<Array<User>>()
    expectTypeOf<Cloneable<readonly [User, number?, ...Array<string>]>>().toEqualTypeOf<
      readonly [User, number?, ...Array<string>]
    >()
    expectTypeOf<Cloneable<Map<string, Set<User>>>>().toEqualTypeOf<Map<string, Set<User>>>()
    expectTypeOf<Cloneable<Record<string, User | null>>>().toEqualTypeOf<Record<string, User | null>>()
    expectTypeOf<Cloneable<{ a: 1; b: { c: RegExp } } | User>>().toEqualTypeOf<{ a: 1; b: { c: RegExp } } | User>()
    expectTypeOf<Cloneable<Uint8Array | Buffer | ArrayBuffer | DataView | SharedArrayBuffer>>().toEqualTypeOf<
      Uint8Array | Buffer | ArrayBuffer | DataView | SharedArrayBuffer
    >()
    expectTypeOf<Cloneable<Error | RangeError>>().toEqualTypeOf<Error | RangeError>()
    expectTypeOf<Cloneable<MessagePort | FileHandle | KeyObject | Blob>>().toEqualTypeOf<
      MessagePort | FileHandle | KeyObject | Blob
    >()
    expectTypeOf<Cloneable<ReadableStream>>().toEqualTypeOf<ReadableStream>()
  })

  it("is the type itself for recursive types", () => {
    expectTypeOf<Cloneable<Json>>().toEqualTypeOf<Json>()
    expectTypeOf<Cloneable<Tree>>().toEqualTypeOf<Tree>()
    expectTypeOf<Cloneable<ReadonlyArray<Json>>>().toEqualTypeOf<ReadonlyArray<Json>>()
  })

  it("lets pass what types do not know", () => {
    expectTypeOf<Passes<unknown>>().toEqualTypeOf<true>()
    expectTypeOf<Cloneable<unknown>>().toEqualTypeOf<unknown>()
    expectTypeOf<Cloneable<any>>().toBeAny()
    expectTypeOf<Passes<{ readonly a: unknown }>>().toEqualTypeOf<true>()
    expectTypeOf<Passes<object>>().toEqualTypeOf<true>()
    expectTypeOf<Passes<Closed>>().toEqualTypeOf<true>()
    expectTypeOf<Passes<{ readonly [Symbol.iterator]: () => void; readonly a: 1 }>>().toEqualTypeOf<true>()
  })

  it("is a mistake, with the place, for what cannot be cloned", () => {
    expectTypeOf<Cloneable<() => void>>().toEqualTypeOf<
      Mistake<"it is a function, which cannot be cloned: send the values that it works with">
    >()
    expectTypeOf<Cloneable<symbol>>().toEqualTypeOf<Mistake<"it is a symbol: send its description">>()
    expectTypeOf<Cloneable<Promise<number>>>().toEqualTypeOf<Mistake<"it is a promise: await it, and send the value">>()
    expectTypeOf<Cloneable<readonly [{ readonly at?: { readonly name: () => 1 } }]>>().toEqualTypeOf<
      Mistake<"[…].at.name is a function, which cannot be cloned: send the values that it works with">
    >()
    expectTypeOf<Cloneable<Map<string, symbol>>>().toEqualTypeOf<Mistake<".get(…) is a symbol: send its description">>()
    expectTypeOf<Cloneable<Set<Promise<1>>>>().toEqualTypeOf<
      Mistake<"<value> is a promise: await it, and send the value">
    >()
    expectTypeOf<Cloneable<Account>>().toEqualTypeOf<
      Mistake<".total is a function, which cannot be cloned: send the values that it works with">
    >()
    expectTypeOf<Cloneable<string | { readonly f: (() => 1) | undefined }>>().toEqualTypeOf<
      Mistake<".f is a function, which cannot be cloned: send the values that it works with">
    >()
    expectTypeOf<Cloneable<Node0>>().toEqualTypeOf<
      Mistake<"it cannot be cloned: something deep inside is a function or a symbol">
    >()
  })

  it("refuses functions, classes, promises, Effects, services, weak maps, and objects with methods, at any depth", () => {
    expectTypeOf<Passes<typeof Account>>().toEqualTypeOf<false>()
    expectTypeOf<Passes<abstract new () => Account>>().toEqualTypeOf<false>()
    expectTypeOf<Passes<WeakMap<object, 1>>>().toEqualTypeOf<false>()
    expectTypeOf<Passes<WeakRef<object>>>().toEqualTypeOf<false>()
    expectTypeOf<Passes<Effect.Effect<number>>>().toEqualTypeOf<false>()
    expectTypeOf<Passes<ReadonlyArray<Effect.Effect<number, string, never>>>>().toEqualTypeOf<false>()
    expectTypeOf<Passes<Context.Context<never>>>().toEqualTypeOf<false>()
    expectTypeOf<Passes<URL>>().toEqualTypeOf<false>()
    expectTypeOf<Passes<Response>>().toEqualTypeOf<false>()
    expectTypeOf<Passes<Generator<number>>>().toEqualTypeOf<false>()
    expectTypeOf<Passes<BadTree>>().toEqualTypeOf<false>()
    expectTypeOf<Passes<User & { toJSON(): string }>>().toEqualTypeOf<false>()
    expectTypeOf<Passes<[number, ...Array<() => void>]>>().toEqualTypeOf<false>()
    expectTypeOf<Passes<Map<() => void, string>>>().toEqualTypeOf<false>()
    expectTypeOf<Passes<Record<string, symbol>>>().toEqualTypeOf<false>()
  })

  it("makes a call not compile", () => {
    look(() => {
      expectTypeOf(job((name: string, users: ReadonlyArray<User>) => name.length + users.length)).returns.toBeNumber()
      job((_: Json): Tree | undefined => undefined)
      // @ts-expect-error: the argument is a function
      job((f: () => void) => f())
      // @ts-expect-error: the result is a promise
      job(async (a: string) => a)
      // @ts-expect-error: the result has a method
      job(() => new Account())
      send({ a: 1, b: [new Date(), { c: new Map([["a", 1]]) }] })
      // @ts-expect-error: a function inside
      send({ a: 1, b: [{ c: () => 1 }] })
    })
  })
})

describe("move", () => {
  it("takes memory and handles and gives them back, and no other value", () => {
    look(() => {
      expectTypeOf(move(new Uint8Array(1))).toEqualTypeOf<Uint8Array<ArrayBuffer>>()
      expectTypeOf(move(new ArrayBuffer(1))).toEqualTypeOf<ArrayBuffer>()
      expectTypeOf(move(Buffer.alloc(1))).toExtend<Uint8Array<ArrayBuffer>>()
      expectTypeOf(move(new MessageChannel().port1)).toEqualTypeOf<MessagePort>()
      expectTypeOf((bytes: (typeof Schema.Uint8Array)["Type"]) => move(bytes)).returns.toEqualTypeOf<Uint8Array>()
      // @ts-expect-error: a plain object
      move({ a: 1 })
      // @ts-expect-error: shared memory
      move(new SharedArrayBuffer(1))
      // @ts-expect-error: a view of shared memory
      move(new Uint8Array(new SharedArrayBuffer(1)))
    })
    const bytes = new Uint8Array(3)
    assert.strictEqual(move(bytes), bytes)
    const shared: Uint8Array = new Uint8Array(new SharedArrayBuffer(1))
    assert.throws(() => move(shared), TypeError, /shared by both threads/)
  })
})
