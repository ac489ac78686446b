/**
 * Header fields by name: what a session reads of the raw ones, and how it makes them.
 *
 * @since 0.1.0
 */
import type { RawHeaders } from "./HttpExchange.ts"

/**
 * Header fields as they are given: an object, or pairs. A value that is `undefined` is left out.
 *
 * @category models
 * @since 0.1.0
 */
export type HeadersInput =
  | Readonly<Record<string, string | ReadonlyArray<string> | undefined>>
  | Iterable<readonly [string, string]>

/**
 * The raw fields of an input. Names are data: `__proto__` is a field as any other.
 *
 * @category conversions
 * @since 0.1.0
 */
export const toRaw = (input: HeadersInput | undefined): Array<string> => {
  const raw: Array<string> = []
  if (input === undefined) return raw
  const pairs = isPairs(input) ? input : Object.entries(input)
  for (const [name, value] of pairs) {
    if (value === undefined) continue
    for (const one of typeof value === "string" ? [value] : value) raw.push(name, one)
  }
  return raw
}

/**
 * The names whose value is `undefined`.
 *
 * @category getters
 * @since 0.1.0
 */
export const leftOut = (input: HeadersInput | undefined): ReadonlyArray<string> =>
  input === undefined || isPairs(input) ? [] : Object.keys(input).filter((name) => input[name] === undefined)

const isPairs = (input: HeadersInput): input is Iterable<readonly [string, string]> => Symbol.iterator in input

/**
 * Raw fields as pairs.
 *
 * @category conversions
 * @since 0.1.0
 */
export const toPairs = (headers: RawHeaders): Array<[string, string]> =>
  headers.flatMap((name, index): Array<[string, string]> => (index % 2 === 0 ? [[name, headers[index + 1] ?? ""]] : []))

/**
 * All values of a field, in order.
 *
 * @category getters
 * @since 0.1.0
 */
export const getAll = (headers: RawHeaders, name: string): Array<string> => {
  const values: Array<string> = []
  const wanted = name.toLowerCase()
  for (let index = 0; index + 1 < headers.length; index += 2) {
    const field = headers[index]
    const value = headers[index + 1]
    if (field === undefined || value === undefined) continue
    if (field.length === wanted.length && field.toLowerCase() === wanted) values.push(value)
  }
  return values
}

/**
 * The value of a field, several joined by `", "`; `undefined` if there is none.
 *
 * @category getters
 * @since 0.1.0
 */
export const get = (headers: RawHeaders, name: string): string | undefined => {
  const values = getAll(headers, name)
  return values.length > 1 ? values.join(", ") : values[0]
}

/**
 * Whether a message has a field of this name, in lower case.
 *
 * @category getters
 * @since 0.1.0
 */
export const has = (
  message: { readonly headers: RawHeaders; readonly has?: (name: string) => boolean },
  name: string
): boolean => message.has?.(name) ?? get(message.headers, name) !== undefined

/**
 * The fields without those of these names.
 *
 * @category combinators
 * @since 0.1.0
 */
export const without = (headers: RawHeaders, ...names: ReadonlyArray<string>): Array<string> => {
  const unwanted = new Set(names.map((name) => name.toLowerCase()))
  const rest: Array<string> = []
  for (let index = 0; index + 1 < headers.length; index += 2) {
    const field = headers[index]
    const value = headers[index + 1]
    if (field !== undefined && value !== undefined && !unwanted.has(field.toLowerCase())) rest.push(field, value)
  }
  return rest
}

/**
 * The fields of `over` instead of those of the same names, and the others.
 *
 * @category combinators
 * @since 0.1.0
 */
export const merge = (headers: RawHeaders, over: RawHeaders): Array<string> => {
  if (over.length === 0) return [...headers]
  return [...without(headers, ...over.filter((_, index) => index % 2 === 0)), ...over]
}

/**
 * The fields as an object without a prototype, names in lower case, several values joined by `", "`. Set-Cookie cannot be
 * joined, and has the last one: see `getAll`.
 *
 * @category conversions
 * @since 0.1.0
 */
export const toRecord = (headers: RawHeaders): Readonly<Record<string, string>> => {
  const record: Record<string, string> = Object.create(null)
  for (let index = 0; index + 1 < headers.length; index += 2) {
    const name = headers[index]?.toLowerCase()
    const value = headers[index + 1]
    if (name === undefined || value === undefined) continue
    const before = record[name]
    record[name] = before === undefined || name === "set-cookie" ? value : `${before}, ${value}`
  }
  return record
}

/**
 * Why the fields cannot be sent: a name that is no token (RFC 9110, 5.1), or a value with a line break, a NUL, or a
 * character beyond Latin-1.
 *
 * @category getters
 * @since 0.1.0
 */
export const problem = (headers: RawHeaders): string | undefined => {
  for (let index = 0; index < headers.length; index += 2) {
    const name = headers[index] ?? ""
    const value = headers[index + 1]
    if (!isToken(name)) return `${JSON.stringify(name)} is no name of a header`
    // The value may be a secret.
    if (value === undefined || !fieldValue.test(value))
      return `the value of the header ${name} has a character that it may not have`
  }
  return undefined
}

/**
 * Whether a text may be the name of a header or of a method (RFC 9110, 5.6.2).
 *
 * @category guards
 * @since 0.1.0
 */
export const isToken = (text: string): boolean => usual.has(text) || /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(text)

const usual = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])

const fieldValue = /^[\t\x20-\x7e\x80-\xff]*$/
