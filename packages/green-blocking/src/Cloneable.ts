/**
 * What can be sent to another thread: a check of types, and `move` for what is to be given away, not copied.
 *
 * The types of a job's arguments and result are checked by it when the job is declared, and the values themselves when
 * they are sent: types say nothing of what is `unknown`, or of instances of a class that has fields only.
 *
 * @since 0.1.0
 */
import type { Blob } from "node:buffer"
import type { KeyObject, X509Certificate } from "node:crypto"
import type { FileHandle } from "node:fs/promises"
import type { BlockList, SocketAddress } from "node:net"
import type { MessagePort, Transferable } from "node:worker_threads"
import { mark } from "./internal/cloneable.ts"

/**
 * `T`, if values of it can be cloned, at any depth; else a mistake that says where they cannot, and is no type of
 * anything that you have, so that what asks for it does not compile.
 *
 * - Can be cloned: primitives but symbols, plain objects, arrays and tuples, Date, RegExp, Map, Set, errors,
 *   ArrayBuffer, SharedArrayBuffer, their views and Buffer (which arrives as a Uint8Array), Blob, KeyObject and such,
 *   and what is to be moved (see `move`).
 * - Cannot: functions, and so every object with methods: instances of classes, promises, Effects, streams of Effect,
 *   WeakMaps; symbols.
 * - `any`, `unknown`, `object` and `{}` pass, and are checked when they are sent. Fields whose key is a symbol do not
 *   count: they are left behind.
 *
 * @category models
 * @since 0.1.0
 */
export type Cloneable<T> = [T] extends [Cloned<T>] ? T : Mistake<Place<T>>

/**
 * A type that nothing is of, with the reason.
 *
 * @category models
 * @since 0.1.0
 */
export interface Mistake<Why extends string> {
  readonly mistake: Why
}

/**
 * What can be moved: memory and handles. Of a view, it is the whole memory behind it.
 *
 * @category models
 * @since 0.1.0
 */
export type Movable = ArrayBufferView | Transferable

/**
 * Marks a value to be moved, not copied, when it is next sent to another thread from this one: as an argument or the
 * result of a job, alone or anywhere inside. It gives back the value itself.
 *
 * An ArrayBuffer goes with its memory, whatever its size, at no cost; a view takes the whole memory behind it along,
 * with all other views of it. When it is sent, the sender is left with an empty one (`byteLength` 0, `detached`); a
 * port or a stream is then of no use to it. If the sending fails, it stays as it is, and marked.
 *
 * Throws a `TypeError` for what cannot be moved; for a SharedArrayBuffer and its views too: it is shared by both sides,
 * so send it as it is. A small Buffer lies in a pool and cannot be moved, and what was moved already cannot be sent again: both are
 * told, with their place, when they are sent.
 *
 * @example
 * ```ts
 * import { move } from "green-blocking/Cloneable"
 *
 * const pixels = move(new Uint8Array(1_000_000))
 * console.log(pixels.byteLength) // 1000000: it moves when it is sent
 * ```
 *
 * @category operations
 * @since 0.1.0
 */
export const move = <T extends Movable>(value: T & NotShared<T>): T => {
  mark(value)
  return value
}

/** Nothing that is surely a view of shared memory. Of most views, as of `Schema.Uint8Array`, the type does not say. */
type NotShared<T> = [T] extends [ArrayBufferView<SharedArrayBuffer>]
  ? Mistake<"shared memory is not moved: send it as it is">
  : unknown

type Primitive = string | number | bigint | boolean | null | undefined | void

type IsAny<T> = 0 extends 1 & T ? true : false

type AnyFunction = ((...args: never) => unknown) | (abstract new (...args: never) => unknown)

/** Objects with methods that the platform clones, or that can be moved. */
type Known =
  | Date
  | RegExp
  | ArrayBuffer
  | SharedArrayBuffer
  | ArrayBufferView
  | Blob
  | KeyObject
  | X509Certificate
  | BlockList
  | SocketAddress
  | MessagePort
  | FileHandle
  | Transferable

/**
 * `T` with mistakes in the places of what cannot be cloned. Every branch is an object type, whose members are
 * not looked at before they are compared, so that recursive types end.
 */
type Cloned<T> =
  IsAny<T> extends true
    ? T
    : unknown extends T
      ? T
      : T extends Primitive
        ? T
        : T extends symbol | AnyFunction
          ? Mistake<"cannot be cloned">
          : T extends Known
            ? T
            : T extends ReadonlyMap<infer Key, infer Value>
              ? { readonly entries: () => Iterable<readonly [Cloned<Key>, Cloned<Value>]> }
              : T extends ReadonlySet<infer Value>
                ? { readonly values: () => Iterable<Cloned<Value>> }
                : T extends ReadonlyArray<infer Value>
                  ? { readonly [index: number]: Cloned<Value> }
                  : { [Key in keyof T]: Key extends symbol ? T[Key] : Cloned<T[Key]> }

/** Where it cannot be cloned, and why: looked for only when it is known that it cannot, and not deep. */
type Place<T> = [Found<T>] extends [never]
  ? "it cannot be cloned: something deep inside is a function or a symbol"
  : Found<T>

type Found<T, Path extends string = "", Depth extends ReadonlyArray<unknown> = []> =
  IsAny<T> extends true
    ? never
    : unknown extends T
      ? never
      : Depth["length"] extends 4
        ? never
        : T extends Primitive | Known
          ? never
          : T extends symbol
            ? `${At<Path>} is a symbol: send its description`
            : T extends AnyFunction
              ? `${At<Path>} is a function, which cannot be cloned: send the values that it works with`
              : T extends PromiseLike<unknown>
                ? `${At<Path>} is a promise: await it, and send the value`
                : T extends ReadonlyMap<infer Key, infer Value>
                  ? Found<Key, `${Path}<key>`, [...Depth, 0]> | Found<Value, `${Path}.get(…)`, [...Depth, 0]>
                  : T extends ReadonlySet<infer Value>
                    ? Found<Value, `${Path}<value>`, [...Depth, 0]>
                    : T extends ReadonlyArray<infer Value>
                      ? Found<Value, `${Path}[…]`, [...Depth, 0]>
                      : {
                          [Key in keyof T & string]-?: Found<T[Key], `${Path}.${Key}`, [...Depth, 0]>
                        }[keyof T & string]

type At<Path extends string> = Path extends "" ? "it" : Path
