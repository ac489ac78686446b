/**
 * What a function of `green` was made of, kept with it for those who check it.
 */

export interface Description {
  readonly load: () => Promise<unknown>
  readonly url: string
  readonly name: string
}

/** Under this name in every copy of this module. */
const key: unique symbol = Symbol.for("green-blocking/Description")

interface Described {
  readonly [key]: Description
}

export const describe = (f: object, description: Description): void => {
  Object.defineProperty(f, key, { value: description })
}

export const descriptionOf = (f: unknown): Description | undefined => (isDescribed(f) ? f[key] : undefined)

const isDescribed = (f: unknown): f is Described => typeof f === "function" && Object.hasOwn(f, key)
