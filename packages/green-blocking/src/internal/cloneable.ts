/**
 * What can be sent to another thread: found by one walk over the value, before it is posted.
 *
 * The platform says that something cannot be cloned, and not where it is; and it sends instances of classes without
 * their class and says nothing. So both sides ask here before they post. What is posted is the value itself: nothing
 * is copied here. It is no guarantee: what a getter gives may change, and named properties of arrays are not looked
 * at. Whoever posts catches what `postMessage` throws, and asks `problemOf`.
 *
 * A path reads like code: `.name` and `["a name"]` for fields, `[0]` for elements, `.get("key")` for the value of a
 * Map (`.get(<key 2>)` if the key is an object), `<key 2>` for the key itself, `<value 2>` for a value of a Set, all
 * counted from 0, and `.cause` for that of an error.
 *
 * It loads no Effect.
 */
import { types } from "node:util"
import { isMarkedAsUntransferable, type Transferable } from "node:worker_threads"
import * as ClassOf from "./classes.ts"
import { hasMarks, isMarked, isMovable } from "./moved.ts"
import type { NotCloneableAt } from "./wire.ts"

export { mark } from "./moved.ts"

/** What the walk found: where it cannot be cloned, or else what of it is to be moved. */
export interface Inspected {
  readonly problem: NotCloneableAt | undefined
  readonly transfer: ReadonlyArray<Transferable>
}

/** Walks what would be posted. It never throws, whatever it is given, and runs no code but the value's own getters. */
export const inspect = (value: unknown): Inspected => {
  if (typeof value !== "object" || value === null) {
    const problem = problemOfPrimitive(value)
    return problem === undefined ? fine : at([], problem)
  }
  const walk: Walk = { objects: 0, seen: undefined, transfer: undefined, path: [] }
  let problem: string | undefined
  try {
    problem = visit(walk, value, 0)
  } catch (thrown) {
    problem = problemOf(thrown).problem
  }
  if (problem !== undefined) return at(walk.path, problem)
  return walk.transfer === undefined ? fine : { problem: undefined, transfer: [...walk.transfer] }
}

/** What is to be moved of a value that is known to be cloneable: nothing is looked at before the first mark. */
export const transferOf = (value: unknown): Array<Transferable> => (hasMarks() ? [...inspect(value).transfer] : [])

/** What `postMessage` threw, as a problem. It does not say where, so the path is that of the whole. */
export const problemOf = (error: unknown): NotCloneableAt => ({ path: "", problem: problemOfThrown(error) })

/**
 * How deep values may be nested. The thread that receives has a stack as well, and cannot read what is nested deeper
 * than some 1,600 objects (Node 22, main thread); it would be told so by an event in which the value is lost.
 */
export const maxDepth = 1000

const none: ReadonlyArray<never> = []
const fine: Inspected = { problem: undefined, transfer: none }

interface Walk {
  objects: number
  /** The objects that were seen: kept only when there are many. */
  seen: Set<object> | undefined
  transfer: Set<Transferable> | undefined
  /** The steps to the problem, the last one first. */
  readonly path: Array<string>
}

/** So few objects that to walk a shared one again costs less than a set. */
const fewObjects = 32

const at = (path: ReadonlyArray<string>, problem: string): Inspected => ({
  problem: { path: path.toReversed().join(""), problem },
  transfer: none
})

/** The problem of a value, or of what lies inside; its path is then that of the walk. */
const visit = (walk: Walk, value: object, depth: number): string | undefined => {
  walk.objects++
  if (walk.objects > fewObjects) {
    walk.seen ??= new Set()
    if (walk.seen.has(value)) return undefined
    walk.seen.add(value)
  }
  if (depth > maxDepth) return tooDeep
  if (types.isProxy(value)) return "a Proxy cannot be cloned: send a copy of what it stands for, as with { ...value }"
  const prototype: object | null = Object.getPrototypeOf(value)
  if (Array.isArray(value)) {
    return ClassOf.isBuiltIn(prototype, Array.prototype) ? visitArray(walk, value, depth) : ClassOf.lost(value)
  }
  return ClassOf.isPlain(value, prototype) ? visitFields(walk, value, depth) : visitOther(walk, value, prototype, depth)
}

/** The problem of a value inside another; the step that led there is noted only if there is one. */
const visitInside = (walk: Walk, value: unknown, depth: number, step: () => string): string | undefined => {
  const problem =
    typeof value === "object" && value !== null ? visit(walk, value, depth + 1) : problemOfPrimitive(value)
  if (problem !== undefined) walk.path.push(step())
  return problem
}

const visitFields = (walk: Walk, value: Readonly<Record<string, unknown>>, depth: number): string | undefined => {
  if (types.isArgumentsObject(value)) return "the arguments of a function cannot be cloned: send [...arguments]"
  for (const key in value) {
    if (!Object.hasOwn(value, key)) continue
    const problem = visitGiven(walk, value, key, depth)
    if (problem === undefined) continue
    walk.path.push(field(key))
    return problem
  }
  return undefined
}

const visitGiven = (
  walk: Walk,
  value: Readonly<Record<string, unknown>>,
  key: string,
  depth: number
): string | undefined => {
  let inside: unknown
  try {
    inside = value[key]
  } catch (thrown) {
    return `its getter threw: ${ClassOf.text(thrown)}`
  }
  if (typeof inside === "object") return inside === null ? undefined : visit(walk, inside, depth + 1)
  return problemOfPrimitive(inside)
}

const visitArray = (walk: Walk, array: ReadonlyArray<unknown>, depth: number): string | undefined => {
  let holes = 0
  for (let index = 0; index < array.length; index++) {
    const value = array[index]
    if (value === undefined && !Object.hasOwn(array, index)) {
      // An array of some length and few elements: what there is is found faster by its keys.
      if (++holes > 1000 && holes > index / 2) return visitSparse(walk, array, depth)
      continue
    }
    const problem =
      typeof value !== "object" ? problemOfPrimitive(value) : value === null ? undefined : visit(walk, value, depth + 1)
    if (problem === undefined) continue
    walk.path.push(`[${index}]`)
    return problem
  }
  return undefined
}

const visitSparse = (walk: Walk, array: ReadonlyArray<unknown>, depth: number): string | undefined => {
  for (const key of Object.keys(array)) {
    const problem = visitInside(walk, array[Number(key)], depth, () => `[${key}]`)
    if (problem !== undefined) return problem
  }
  return undefined
}

const visitOther = (walk: Walk, value: object, prototype: object | null, depth: number): string | undefined => {
  if (ArrayBuffer.isView(value)) return visitView(walk, value, prototype)
  if (types.isArrayBuffer(value)) return visitBuffer(walk, value, hasMarks() && isMarked(value))
  if (types.isMap(value)) {
    return ClassOf.isBuiltIn(prototype, Map.prototype) ? visitMap(walk, value, depth) : ClassOf.lost(value)
  }
  if (types.isSet(value)) {
    return ClassOf.isBuiltIn(prototype, Set.prototype) ? visitSet(walk, value, depth) : ClassOf.lost(value)
  }
  if (types.isDate(value)) return ClassOf.isBuiltIn(prototype, Date.prototype) ? undefined : ClassOf.lost(value)
  if (types.isRegExp(value)) return ClassOf.isBuiltIn(prototype, RegExp.prototype) ? undefined : ClassOf.lost(value)
  if (types.isSharedArrayBuffer(value)) return undefined
  if (types.isSymbolObject(value)) return symbols
  if (types.isBoxedPrimitive(value)) return undefined
  if (types.isNativeError(value) && ClassOf.isBuiltInError(prototype)) return visitError(walk, value, depth)
  if (hasMarks() && isMarked(value) && isMovable(value)) {
    moved(walk).add(value)
    return undefined
  }
  return ClassOf.lostByClone(value)
}

const visitMap = (walk: Walk, map: ReadonlyMap<unknown, unknown>, depth: number): string | undefined => {
  let index = 0
  // The iterator that every Map has, and not one that this Map was given.
  for (const [key, value] of Map.prototype.entries.call(map)) {
    const number = index++
    const problem =
      visitInside(walk, key, depth, () => `<key ${number}>`) ??
      visitInside(walk, value, depth, () => `.get(${ClassOf.literal(key) ?? `<key ${number}>`})`)
    if (problem !== undefined) return problem
  }
  return undefined
}

const visitSet = (walk: Walk, set: ReadonlySet<unknown>, depth: number): string | undefined => {
  let index = 0
  for (const value of Set.prototype.values.call(set)) {
    const number = index++
    const problem = visitInside(walk, value, depth, () => `<value ${number}>`)
    if (problem !== undefined) return problem
  }
  return undefined
}

/** Of an error go its name, message, stack and cause; its other fields do not. */
const visitError = (walk: Walk, error: Error, depth: number): string | undefined => {
  try {
    // To read them runs getters, and to make texts of them runs methods: as posting will.
    for (const part of [error.name, error.message, error.stack]) asPosted(part)
  } catch (thrown) {
    return `its name, message or stack threw: ${ClassOf.text(thrown)}`
  }
  const cause = Object.getOwnPropertyDescriptor(error, "cause")
  return cause === undefined ? undefined : visitInside(walk, cause.value, depth, () => ".cause")
}

const asPosted = (part: unknown): string => `${part}`

const visitView = (walk: Walk, view: ArrayBufferView, prototype: object | null): string | undefined => {
  if (!ClassOf.isBuiltInView(prototype)) return ClassOf.lost(view)
  if (hasMarks() && types.isArrayBuffer(view.buffer) && (isMarked(view) || isMarked(view.buffer))) {
    return visitBuffer(walk, view.buffer, true)
  }
  if (types.isDataView(view)) {
    // Its length throws when its buffer is detached or became shorter.
    return ClassOf.lostByClone(view)
  }
  if (view.byteLength > 0 || !types.isArrayBuffer(view.buffer)) return undefined
  return visitBuffer(walk, view.buffer, false) ?? (view.buffer.resizable ? ClassOf.lostByClone(view) : undefined)
}

const visitBuffer = (walk: Walk, buffer: ArrayBuffer, isMoved: boolean): string | undefined => {
  if (buffer.byteLength === 0 && buffer.detached) return detached
  if (!isMoved) return undefined
  if (isMarkedAsUntransferable(buffer)) return pooled
  moved(walk).add(buffer)
  return undefined
}

const moved = (walk: Walk): Set<Transferable> => (walk.transfer ??= new Set())

const field = (key: string): string =>
  /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`

const symbols = "a symbol cannot be cloned: send its description"
const tooDeep = `it is nested deeper than ${maxDepth} levels, more than threads can read: send a flat list instead`
const detached = "its memory was moved to another thread before, and is no longer here: move it once, or send a copy"
const pooled =
  "its memory is a part of a pool that others use (small Buffers are), so it cannot be moved: " +
  "send it without move, or move a copy made by new Uint8Array(value)"

const problemOfPrimitive = (value: unknown): string | undefined => {
  if (typeof value === "function") {
    const name = ClassOf.nameOfFunction(value)
    return `a function${name === "" ? "" : ` (${name})`} cannot be cloned: send the values that it works with`
  }
  return typeof value === "symbol" ? symbols : undefined
}

const problemOfThrown = (error: unknown): string => {
  try {
    if (error instanceof RangeError && /call stack/.test(error.message)) return tooDeep
    if (error instanceof DOMException) return error.message
  } catch {
    // A hostile error is told like any other.
  }
  return `to read it threw: ${ClassOf.text(error)}`
}
