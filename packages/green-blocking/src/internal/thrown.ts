/**
 * What was thrown in one thread, thrown again in the other: as plain data, and back.
 *
 * An error crosses with its name, message and stack, the own enumerable fields that can be cloned, and its causes to
 * a depth of 16; an AggregateError takes its errors along, in the field `errors`, as many as 64 in all. A cause that
 * is met again on its own way is left out. Classes do not cross: an error arrives as one of the language's if it has
 * the name of one, and else as an `Error` of that name. Anything else that is thrown crosses as the value that it is,
 * or as its text.
 *
 * Nothing here throws, whatever it is given. It loads no Effect.
 */
import { inspect as textOf, types } from "node:util"
import { inspect } from "./cloneable.ts"
import type { Attributes, Thrown } from "./wire.ts"

/** What an error's class makes of it, in place of its own fields; nothing if the class does not say. */
export type Encode = (error: Error) => Attributes | undefined

/** What was thrown, as plain data that can be cloned. What is marked to be moved is copied. */
export const toThrown = (error: unknown, encode?: Encode): Thrown => toThrownWithin(error, encode, [], { left: 64 })

/**
 * What was thrown, to be thrown here. The stack is that of the other side, and below it the line `    at <marker>`,
 * for which the marker says where that side was called from, like `job render (file:///app/job.ts)`.
 */
export const fromThrown = (thrown: Thrown, marker: string): unknown => {
  if (!thrown.error) return thrown.value
  const make = classes.get(thrown.name)
  const error = make === undefined ? new Error(thrown.message) : make(thrown.message)
  if (make === undefined) hide(error, "name", thrown.name)
  hide(error, "stack", joinStacks(thrown.stack ?? header(thrown), marker, undefined))
  for (const [name, value] of Object.entries(thrown.fields)) {
    if (isOfErrors(name)) continue
    Object.defineProperty(error, name, { value, writable: true, enumerable: true, configurable: true })
  }
  if (thrown.name === aggregate) hide(error, "errors", errorsFrom(thrown.fields["errors"], marker))
  if (thrown.cause !== undefined) hide(error, "cause", fromThrown(thrown.cause, marker))
  return error
}

/**
 * One stack of two: the header and the frames of the other side, the line `    at <marker>`, and our own frames without
 * their header. If the other side has none, it is ours.
 */
export const joinStacks = (other: string | undefined, marker: string, here: string | undefined): string => {
  if (other === undefined || other === "") return here ?? ""
  const first = here === undefined ? -1 : here.search(/^ +at /m)
  const frames = here === undefined || first === -1 ? "" : `\n${here.slice(first)}`
  return `${other}\n    at ${marker}${frames}`
}

const aggregate = "AggregateError"

const classes: ReadonlyMap<string, (message: string) => Error> = new Map<string, (message: string) => Error>([
  ["Error", (message) => new Error(message)],
  [aggregate, (message) => new AggregateError([], message)],
  ["EvalError", (message) => new EvalError(message)],
  ["RangeError", (message) => new RangeError(message)],
  ["ReferenceError", (message) => new ReferenceError(message)],
  ["SyntaxError", (message) => new SyntaxError(message)],
  ["TypeError", (message) => new TypeError(message)],
  ["URIError", (message) => new URIError(message)]
])

const maxCauses = 16

/** What an error has of itself, and what must never be set. */
const isOfErrors = (name: string): boolean =>
  name === "name" || name === "message" || name === "stack" || name === "cause" || name === "__proto__"

/** As the fields that every error has: not enumerable, so that it prints as errors do. */
const hide = (error: Error, name: string, value: unknown): void => {
  Object.defineProperty(error, name, { value, writable: true, enumerable: false, configurable: true })
}

const header = (thrown: { readonly name: string; readonly message: string }): string =>
  thrown.message === "" ? thrown.name : `${thrown.name}: ${thrown.message}`

/** `above` are the errors whose cause it is; `errors` is what is left for the errors of AggregateErrors. */
const toThrownWithin = (
  error: unknown,
  encode: Encode | undefined,
  above: ReadonlyArray<unknown>,
  errors: { left: number }
): Thrown => {
  if (!isError(error)) return { error: false, value: (cloned(error) ?? { value: text(error) }).value }
  const path = [...above, error]
  const name = textField(error, "name") ?? "Error"
  const fields = fieldsOf(error, encode)
  if (name === aggregate) fields["errors"] = errorsOf(error, encode, path, errors)
  return {
    error: true,
    name,
    message: textField(error, "message") ?? "",
    stack: textField(error, "stack"),
    fields,
    cause: causeOf(error, encode, path, errors)
  }
}

const causeOf = (
  error: Error,
  encode: Encode | undefined,
  path: ReadonlyArray<unknown>,
  errors: { left: number }
): Thrown | undefined => {
  const cause = read(error, "cause")
  return cause === undefined || path.length > maxCauses || path.includes(cause)
    ? undefined
    : toThrownWithin(cause, encode, path, errors)
}

/** Its errors, each as a `Thrown`. */
const errorsOf = (
  error: Error,
  encode: Encode | undefined,
  path: ReadonlyArray<unknown>,
  errors: { left: number }
): ReadonlyArray<Thrown> => {
  const kept: Array<Thrown> = []
  try {
    const all = read(error, "errors")
    if (!Array.isArray(all) || path.length > maxCauses) return kept
    for (const one of all) {
      if (path.includes(one)) continue
      if (errors.left-- <= 0) break
      kept.push(toThrownWithin(one, encode, path, errors))
    }
  } catch {
    // A hostile array: what was read before is kept.
  }
  return kept
}

const errorsFrom = (errors: unknown, marker: string): ReadonlyArray<unknown> =>
  Array.isArray(errors) ? errors.map((error) => (isThrown(error) ? fromThrown(error, marker) : error)) : []

const isThrown = (value: unknown): value is Thrown =>
  typeof value === "object" && value !== null && "error" in value && typeof value.error === "boolean"

const fieldsOf = (error: Error, encode: Encode | undefined): Record<string, unknown> => {
  const fields: Record<string, unknown> = {}
  const ofClass = encoded(error, encode)
  const source = ofClass ?? error
  for (const name of namesOf(source)) {
    // A class may declare fields of these names, and needs them to decode.
    if (ofClass === undefined ? isOfErrors(name) : name === "__proto__") continue
    const copy = cloned(read(source, name))
    if (copy !== undefined) fields[name] = copy.value
  }
  return fields
}

const encoded = (error: Error, encode: Encode | undefined): Attributes | undefined => {
  try {
    return encode?.(error)
  } catch {
    return undefined
  }
}

const namesOf = (value: object): ReadonlyArray<string> => {
  try {
    return Object.keys(value)
  } catch {
    return []
  }
}

/** A field, or nothing if to read it throws. */
const read = (value: object, name: string): unknown => {
  try {
    return Reflect.get(value, name)
  } catch {
    return undefined
  }
}

const textField = (error: Error, name: string): string | undefined => {
  const value = read(error, name)
  return typeof value === "string" ? value : undefined
}

/**
 * A copy, if it can be cloned. A copy and not the value itself: it has no getters, and nothing in it is marked to be
 * moved, so that it can be posted whatever happens until then.
 */
const cloned = (value: unknown): { readonly value: unknown } | undefined => {
  if (inspect(value).problem !== undefined) return undefined
  if (typeof value !== "object" || value === null) return { value }
  try {
    return { value: structuredClone(value) }
  } catch {
    return undefined
  }
}

/** What can be cloned of attributes, and the text of what cannot. */
export const toAttributes = (values: Readonly<Record<string, unknown>>): Attributes => {
  const attributes: Record<string, unknown> = {}
  for (const name of namesOf(values)) {
    if (name !== "__proto__") attributes[name] = toAttribute(read(values, name))
  }
  return attributes
}

/** A copy of what can be cloned, or its text. */
export const toAttribute = (value: unknown): unknown => (cloned(value) ?? { value: text(value) }).value

const isError = (value: unknown): value is Error => {
  try {
    return types.isNativeError(value) || value instanceof Error
  } catch {
    return false
  }
}

const text = (value: unknown): string => {
  try {
    return typeof value === "object" ? textOf(value, { depth: 1 }) : String(value)
  } catch {
    return "something that has no text"
  }
}
