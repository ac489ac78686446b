/**
 * The classes of values, as far as cloning is concerned: which arrive as what they were, and which lose their class.
 *
 * Values of other realms (`node:vm`, a test runner) count as ours. Only the walk over what is to be posted asks.
 */
import { types } from "node:util"

/** Whether it is an object without a class. */
export const isPlain = (value: object, prototype: object | null): value is Readonly<Record<string, unknown>> =>
  prototype === Object.prototype || prototype === null || isRoot(prototype)

/** `Object.prototype` of some realm. */
const isRoot = (prototype: object): boolean =>
  Object.getPrototypeOf(prototype) === null && Object.hasOwn(prototype, "isPrototypeOf")

/** Whether a prototype is that of the built-in class itself, of some realm: that of a class derived from it is not. */
export const isBuiltIn = (prototype: object | null, ours: object): boolean =>
  prototype === ours || prototype === null || (!isRoot(prototype) && inherits(prototype))

const inherits = (prototype: object): boolean => {
  const parent: object | null = Object.getPrototypeOf(prototype)
  return parent !== null && isRoot(parent)
}

/** Whether a prototype is that of a typed array, a DataView, or Node's Buffer, which arrives as a Uint8Array. */
export const isBuiltInView = (prototype: object | null): boolean => {
  if (prototype === Uint8Array.prototype || prototype === Buffer.prototype || prototype === null) return true
  if (inherits(prototype)) return true
  const parent: object | null = Object.getPrototypeOf(prototype)
  return parent !== null && inherits(parent) && Object.hasOwn(prototype, "BYTES_PER_ELEMENT")
}

const errorNames: ReadonlySet<unknown> = new Set([
  "Error",
  "AggregateError",
  "EvalError",
  "RangeError",
  "ReferenceError",
  "SyntaxError",
  "TypeError",
  "URIError"
])

/** Whether a prototype is that of an error class of the language. */
export const isBuiltInError = (prototype: object | null): boolean => {
  if (prototype === null || prototype === Error.prototype || prototype === TypeError.prototype) return true
  const name = Object.getOwnPropertyDescriptor(prototype, "name")
  // The name is the prototype's own, and is not enumerable: a class that is derived gives it otherwise, or not at all.
  return name !== undefined && name.enumerable === false && errorNames.has(name.value)
}

/** The problem of an object that would arrive without its class. */
export const lost = (value: object): string => {
  const name = nameOfClass(value)
  return (
    `an instance of ${name ?? "a class"} arrives without its class, its methods and its private fields: ` +
    `send a plain value, and make the ${name ?? "instance"} of it on the other side`
  )
}

/**
 * The problem of an object of another class, if it has one: it is cloned to see whether it arrives as what it was.
 * There is no other way to ask, and few classes of the platform's own for which it costs anything.
 */
export const lostByClone = (value: object): string | undefined => {
  try {
    const copy: object = structuredClone(value)
    return sameClass(copy, value) ? undefined : lost(value)
  } catch {
    return refused(value)
  }
}

/** By constructor, for some of the platform's classes have a second prototype for what arrives. */
const sameClass = (copy: object, value: object): boolean =>
  Object.getPrototypeOf(copy) !== Object.prototype && constructorOf(copy) === constructorOf(value)

const refused = (value: object): string => {
  const name = nameOfClass(value)
  const advice = name === undefined ? undefined : advices.get(name)
  return `${name === undefined ? "an object of this kind" : `an instance of ${name}`} cannot be cloned: ${advice ?? "send plain values"}`
}

const movedOnly = "give it away by move(value)"
const advices: ReadonlyMap<string, string> = new Map([
  ["Promise", "await it first, and send the value"],
  ["URL", "send its href"],
  ["URLSearchParams", "send its text, String(value)"],
  ["Headers", "send [...value]"],
  ["Response", "send its body and status"],
  ["Request", "send its url, method, headers and body"],
  ["FormData", "send [...value]"],
  ["Generator", "send [...value]"],
  ["DataView", "its memory is no longer here, or became shorter"],
  ["MessagePort", movedOnly],
  ["FileHandle", movedOnly],
  ["ReadableStream", movedOnly],
  ["WritableStream", movedOnly],
  ["TransformStream", movedOnly]
])

/** That of the object's own class, and not one that its prototype inherits. */
const constructorOf = (value: object): unknown => {
  const prototype: object | null = Object.getPrototypeOf(value)
  return prototype !== null && Object.hasOwn(prototype, "constructor")
    ? Reflect.get(prototype, "constructor")
    : undefined
}

const nameOfClass = (value: object): string | undefined => {
  try {
    const constructor = constructorOf(value)
    const name = typeof constructor === "function" ? nameOfFunction(constructor) : ""
    return name === "" ? undefined : name
  } catch {
    return undefined
  }
}

/** The name of a function, `""` if it has none; it runs no code of the function's. */
export const nameOfFunction = (value: object): string => {
  if (types.isProxy(value)) return ""
  const name: unknown = Object.getOwnPropertyDescriptor(value, "name")?.value
  return typeof name === "string" ? name : ""
}

/** A primitive as it is written in code; nothing for an object. */
export const literal = (value: unknown): string | undefined => {
  if (typeof value === "string") return JSON.stringify(value)
  if (typeof value === "bigint") return `${value}n`
  return typeof value === "object" && value !== null
    ? undefined
    : typeof value === "function"
      ? undefined
      : String(value)
}

/** What was thrown, as text; never throws. */
export const text = (thrown: unknown): string => {
  try {
    return String(thrown)
  } catch {
    return "something without a text"
  }
}
