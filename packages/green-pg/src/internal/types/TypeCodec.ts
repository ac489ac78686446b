/**
 * How the values of one type are read and written, in PostgreSQL's binary format, and how that fails.
 *
 * Codecs throw `CodecError`: they run once per value, where a `Result` each would cost more than the value. They know
 * nothing of NULL and of lengths: whoever calls them does.
 */
import { CodecError, type ValueSink } from "./sqlPg.ts"

export interface TypeCodec {
  /** The value in the `size` bytes at `offset`. It keeps no view of the bytes. */
  readonly read: (bytes: Uint8Array, offset: number, size: number) => unknown
  readonly write: (sink: ValueSink, value: unknown) => void
  /** Its values are JavaScript arrays, so an array in an array of them is a value and not a dimension. */
  readonly arrayValued?: boolean
}

/** The codec of a type: for one that nobody knows, a codec that says so. */
export type Lookup = (oid: number) => TypeCodec

export const fail = (message: string): never => {
  throw new CodecError({ message })
}

/** The error of a codec, with the place where it happened, if that is known. Codecs of users may throw anything. */
export const located = (error: unknown, place: string | undefined): CodecError => {
  if (place === undefined && error instanceof CodecError) return error
  const message = error instanceof Error ? error.message : String(error)
  return new CodecError({ message: place === undefined ? message : `${place}: ${message}` })
}

/** What a value is, for messages: its type, and its content where that is short and no text of a user. */
export const describe = (value: unknown): string => {
  switch (typeof value) {
    case "string":
      return `a string of ${value.length} characters`
    case "object":
      if (value === null) return "null"
      if (Array.isArray(value)) return `an array of ${value.length} elements`
      return `an object of the class ${value.constructor?.name ?? "null"}`
    case "function":
      return "a function"
    default:
      return `the ${typeof value} ${String(value)}`
  }
}

export const expected = (what: string, type: string, value: unknown): never =>
  fail(`${type} takes ${what}, not ${describe(value)}`)

export const requireSize = (size: number, wanted: number, type: string): void => {
  if (size !== wanted) fail(`${type} has ${wanted} bytes, and ${size} came`)
}

export const requireString = (value: unknown, type: string): string =>
  typeof value === "string" ? value : expected("a string", type, value)

export const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value)

// Reading. Behind the end there is nothing: whoever calls has looked at the size.

export const readInt16 = (bytes: Uint8Array, offset: number): number => (readUint16(bytes, offset) << 16) >> 16

export const readUint16 = (bytes: Uint8Array, offset: number): number =>
  ((bytes[offset] ?? 0) << 8) | (bytes[offset + 1] ?? 0)

export const readInt32 = (bytes: Uint8Array, offset: number): number =>
  ((bytes[offset] ?? 0) << 24) |
  ((bytes[offset + 1] ?? 0) << 16) |
  ((bytes[offset + 2] ?? 0) << 8) |
  (bytes[offset + 3] ?? 0)

export const readUint32 = (bytes: Uint8Array, offset: number): number => readInt32(bytes, offset) >>> 0

const scratch = new DataView(new ArrayBuffer(8))

/** Two 32 bit stores and a load are cheaper than a view of the bytes. */
export const readInt64 = (bytes: Uint8Array, offset: number): bigint => {
  scratch.setInt32(0, readInt32(bytes, offset))
  scratch.setInt32(4, readInt32(bytes, offset + 4))
  return scratch.getBigInt64(0)
}

export const readFloat32 = (bytes: Uint8Array, offset: number): number => {
  scratch.setInt32(0, readInt32(bytes, offset))
  return scratch.getFloat32(0)
}

export const readFloat64 = (bytes: Uint8Array, offset: number): number => {
  scratch.setInt32(0, readInt32(bytes, offset))
  scratch.setInt32(4, readInt32(bytes, offset + 4))
  return scratch.getFloat64(0)
}

/**
 * The size of the value behind a length, -1 for NULL; the value starts 4 bytes later. What is inside an array, a range
 * or a composite has such a length, and must end before `end`.
 */
export const readSize = (bytes: Uint8Array, offset: number, end: number, type: string): number => {
  if (offset + 4 > end) return fail(`${type} ends in the middle of a length`)
  const size = readInt32(bytes, offset)
  if (size < -1 || offset + 4 + size > end) return fail(`${type} ends in the middle of a value`)
  return size
}

/** Writes a value behind its length; NULL is the length -1. */
export const writeSized = (sink: ValueSink, codec: TypeCodec, value: unknown): void => {
  if (value === null || value === undefined) {
    sink.int32(-1)
    return
  }
  const token = sink.beginLength()
  codec.write(sink, value)
  sink.endLength(token)
}
