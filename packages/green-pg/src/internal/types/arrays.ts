/**
 * Arrays of any number of dimensions, as nested JavaScript arrays. Lower bounds are dropped: the first element is at 0.
 *
 * What is read names the type of its elements itself, so one reader serves every array type.
 */
import type { ValueSink } from "./sqlPg.ts"
import {
  expected,
  fail,
  type Lookup,
  readInt32,
  readSize,
  readUint32,
  type TypeCodec,
  writeSized
} from "./TypeCodec.ts"

/** PostgreSQL's limit. */
const maximumDimensions = 6

/** An array as it is sent: how long it is in each dimension, and the elements in order. An empty one has no dimension. */
export class Elements {
  readonly dimensions: ReadonlyArray<number>
  readonly values: ReadonlyArray<unknown>
  constructor(dimensions: ReadonlyArray<number>, values: ReadonlyArray<unknown>) {
    this.dimensions = dimensions
    this.values = values
  }
}

const at = (path: ReadonlyArray<number>): string => path.map((index) => `[${index}]`).join("")

/**
 * The elements of a nested array. PostgreSQL's arrays are rectangular: others are an error that names the first place
 * that does not fit.
 */
export const flatten = (value: ReadonlyArray<unknown>): Elements => {
  const dimensions: Array<number> = []
  // an array may hold itself
  for (let inner: unknown = value; Array.isArray(inner) && dimensions.length <= maximumDimensions; inner = inner[0]) {
    dimensions.push(inner.length)
  }
  const depth = dimensions.length
  if (depth === 1) {
    const index = value.findIndex((element) => Array.isArray(element))
    if (index !== -1) fail(`the array is not rectangular: [${index}] is an array where others are none`)
    return new Elements(value.length === 0 ? [] : dimensions, value)
  }
  if (depth > maximumDimensions) {
    return fail(`the array has more than the ${maximumDimensions} dimensions that PostgreSQL allows`)
  }
  const values: Array<unknown> = []
  const walk = (array: ReadonlyArray<unknown>, path: ReadonlyArray<number>): void => {
    const level = path.length
    if (array.length !== dimensions[level]) {
      fail(
        `the array is not rectangular: ${at(path)} has ${array.length} elements where others have ${dimensions[level]}`
      )
    }
    for (const [index, element] of array.entries()) {
      const here = [...path, index]
      if (level + 1 === depth) {
        if (Array.isArray(element)) fail(`the array is not rectangular: ${at(here)} is an array where others are none`)
        values.push(element)
      } else if (Array.isArray(element)) walk(element, here)
      else fail(`the array is not rectangular: ${at(here)} is no array where others are`)
    }
  }
  walk(value, [])
  return values.length === 0 ? new Elements([], []) : new Elements(dimensions, values)
}

/** Writes an array of elements of one type. A value of JavaScript arrays' own (JSON) is not looked into. */
const writeArray = (
  sink: ValueSink,
  value: unknown,
  elementOid: number,
  codec: TypeCodec,
  lowerBound: number
): void => {
  const elements =
    value instanceof Elements
      ? value
      : !Array.isArray(value)
        ? expected("an array", "an array type", value)
        : codec.arrayValued === true
          ? new Elements(value.length === 0 ? [] : [value.length], value)
          : flatten(value)
  sink.int32(elements.dimensions.length)
  sink.int32(elements.values.includes(null) || elements.values.includes(undefined) ? 1 : 0)
  sink.int32(elementOid | 0)
  for (const length of elements.dimensions) {
    sink.int32(length)
    sink.int32(lowerBound)
  }
  const { values } = elements
  for (let index = 0; index < values.length; index++) writeSized(sink, codec, values[index])
}

const readArray = (bytes: Uint8Array, start: number, size: number, lookup: Lookup): ReadonlyArray<unknown> => {
  const end = start + size
  const dimensions = size < 12 ? -1 : readInt32(bytes, start)
  let offset = start + 12 + dimensions * 8
  if (dimensions < 0 || dimensions > maximumDimensions || offset > end) return fail("the array has no valid head")
  const { read } = lookup(readUint32(bytes, start + 8))
  const lengths: Array<number> = []
  let count = dimensions === 0 ? 0 : 1
  for (let index = 0; index < dimensions; index++) {
    const length = readInt32(bytes, start + 12 + index * 8)
    count *= length
    lengths.push(length)
  }
  // each element has a length of 4 bytes: what does not fit is not made room for
  if (lengths.some((length) => length < 0) || count * 4 > end - offset) return fail("the array has no valid head")
  const level = (depth: number): ReadonlyArray<unknown> => {
    const values: Array<unknown> = new Array(lengths[depth] ?? 0)
    for (let index = 0; index < values.length; index++) {
      if (depth + 1 < dimensions) {
        values[index] = level(depth + 1)
        continue
      }
      const size = readSize(bytes, offset, end, "the array")
      offset += 4
      if (size === -1) values[index] = null
      else {
        values[index] = read(bytes, offset, size)
        offset += size
      }
    }
    return values
  }
  const values = count === 0 ? [] : level(0)
  if (offset !== end) fail("the array has bytes behind its end")
  return values
}

/** The type of arrays of `elementOid`. */
export const arrayCodec = (elementOid: number, lookup: Lookup): TypeCodec => ({
  arrayValued: true,
  read: (bytes, offset, size) => readArray(bytes, offset, size, lookup),
  write: (sink, value) => writeArray(sink, value, elementOid, lookup(elementOid), 1)
})

/** The old vector types of the catalog: arrays that start at 0. */
export const vectorCodec = (elementOid: number, lookup: Lookup): TypeCodec => ({
  arrayValued: true,
  read: (bytes, offset, size) => readArray(bytes, offset, size, lookup),
  write: (sink, value) => {
    if (!Array.isArray(value) || value.length === 0) return expected("an array with elements", "a vector", value)
    return writeArray(sink, value, elementOid, lookup(elementOid), 0)
  }
})

/** `anyarray`, which columns of statistics have: it can be read, for the value names its type. */
export const anyArrayCodec = (lookup: Lookup): TypeCodec => ({
  arrayValued: true,
  read: (bytes, offset, size) => readArray(bytes, offset, size, lookup),
  write: () => fail("anyarray is no type of a parameter: name the type of the array")
})
