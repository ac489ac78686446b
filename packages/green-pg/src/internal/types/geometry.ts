/** The geometric types, as plain objects. */
import type { ValueSink } from "./sqlPg.ts"
import { expected, fail, isRecord, readFloat64, readInt32, requireSize, type TypeCodec } from "./TypeCodec.ts"

/**
 * A point of the plane.
 *
 * @category models
 * @since 0.1.0
 */
export interface Point {
  readonly x: number
  readonly y: number
}

/**
 * The line of the points where `a * x + b * y + c` is 0.
 *
 * @category models
 * @since 0.1.0
 */
export interface Line {
  readonly a: number
  readonly b: number
  readonly c: number
}

/**
 * A straight line between two points.
 *
 * @category models
 * @since 0.1.0
 */
export interface LineSegment {
  readonly start: Point
  readonly end: Point
}

/**
 * A rectangle. The server puts the upper right corner into `high`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Box {
  readonly high: Point
  readonly low: Point
}

/**
 * A line through points, which may come back to the first.
 *
 * @category models
 * @since 0.1.0
 */
export interface Path {
  readonly closed: boolean
  readonly points: ReadonlyArray<Point>
}

/**
 * An area with these corners.
 *
 * @category models
 * @since 0.1.0
 */
export interface Polygon {
  readonly points: ReadonlyArray<Point>
}

/**
 * A circle around a point.
 *
 * @category models
 * @since 0.1.0
 */
export interface Circle {
  readonly x: number
  readonly y: number
  readonly radius: number
}

const readPoint = (bytes: Uint8Array, offset: number): Point => ({
  x: readFloat64(bytes, offset),
  y: readFloat64(bytes, offset + 8)
})

/** Writes the numbers of an object, in the order of their names. */
const writeNumbers = (sink: ValueSink, value: unknown, type: string, names: ReadonlyArray<string>): void => {
  for (const name of names) {
    const number = isRecord(value) ? value[name] : undefined
    if (typeof number !== "number") return expected(`an object of the numbers ${names.join(", ")}`, type, value)
    sink.float64(number)
  }
}

const writePoint = (sink: ValueSink, value: unknown): void => writeNumbers(sink, value, "point", ["x", "y"])

export const point: TypeCodec = {
  read: (bytes, offset, size) => {
    requireSize(size, 16, "point")
    return readPoint(bytes, offset)
  },
  write: writePoint
}

export const line: TypeCodec = {
  read: (bytes, offset, size): Line => {
    requireSize(size, 24, "line")
    return { a: readFloat64(bytes, offset), b: readFloat64(bytes, offset + 8), c: readFloat64(bytes, offset + 16) }
  },
  write: (sink, value) => writeNumbers(sink, value, "line", ["a", "b", "c"])
}

export const circle: TypeCodec = {
  read: (bytes, offset, size): Circle => {
    requireSize(size, 24, "circle")
    return { ...readPoint(bytes, offset), radius: readFloat64(bytes, offset + 16) }
  },
  write: (sink, value) => writeNumbers(sink, value, "circle", ["x", "y", "radius"])
}

export const lseg: TypeCodec = {
  read: (bytes, offset, size): LineSegment => {
    requireSize(size, 32, "lseg")
    return { start: readPoint(bytes, offset), end: readPoint(bytes, offset + 16) }
  },
  write: (sink, value) => {
    if (!isRecord(value)) return expected("an object of the points start and end", "lseg", value)
    writePoint(sink, value["start"])
    writePoint(sink, value["end"])
  }
}

export const box: TypeCodec = {
  read: (bytes, offset, size): Box => {
    requireSize(size, 32, "box")
    return { high: readPoint(bytes, offset), low: readPoint(bytes, offset + 16) }
  },
  write: (sink, value) => {
    if (!isRecord(value)) return expected("an object of the points high and low", "box", value)
    writePoint(sink, value["high"])
    writePoint(sink, value["low"])
  }
}

const readPoints = (bytes: Uint8Array, offset: number, size: number, type: string): ReadonlyArray<Point> => {
  const length = size < 4 ? -1 : readInt32(bytes, offset)
  if (length < 0 || size !== 4 + length * 16) return fail(`${type} has no valid length`)
  return Array.from({ length }, (_, index) => readPoint(bytes, offset + 4 + index * 16))
}

const writePoints = (sink: ValueSink, points: unknown, type: string): void => {
  if (!Array.isArray(points)) return expected("an object with an array of points", type, points)
  sink.int32(points.length)
  for (const point of points) writePoint(sink, point)
}

export const path: TypeCodec = {
  read: (bytes, offset, size): Path => ({
    closed: bytes[offset] === 1,
    points: readPoints(bytes, offset + 1, size - 1, "path")
  }),
  write: (sink, value) => {
    if (!isRecord(value) || typeof value["closed"] !== "boolean") {
      return expected("an object of closed and points", "path", value)
    }
    sink.uint8(value["closed"] ? 1 : 0)
    writePoints(sink, value["points"], "path")
  }
}

export const polygon: TypeCodec = {
  read: (bytes, offset, size): Polygon => ({ points: readPoints(bytes, offset, size, "polygon") }),
  write: (sink, value) => {
    if (!isRecord(value)) return expected("an object of points", "polygon", value)
    writePoints(sink, value["points"], "polygon")
  }
}
