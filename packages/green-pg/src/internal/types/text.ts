/**
 * Text in UTF-8, read and written by the types whose binary format is their text.
 *
 * Nothing is replaced in silence: text that is no UTF-8, or that PostgreSQL cannot hold, is an error.
 */
import type { ValueSink } from "./sqlPg.ts"
import { expected, fail, requireString, type TypeCodec } from "./TypeCodec.ts"

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

type Slice = (this: Uint8Array, start: number, end: number) => string

const isSlice = (value: unknown): value is Slice => typeof value === "function"

/**
 * Node's decoder: it needs no view of the bytes, and starts faster than `TextDecoder`. It is on the prototype of
 * `Buffer`, but no runtime promises it.
 */
const slice: unknown = typeof Buffer === "undefined" ? undefined : Reflect.get(Buffer.prototype, "utf8Slice")

/** Below this many bytes a character at a time is cheaper than any call. */
const shortText = 10

const decode = (bytes: Uint8Array, offset: number, size: number): string => {
  try {
    return decoder.decode(bytes.subarray(offset, offset + size))
  } catch {
    return fail("the text is not valid UTF-8")
  }
}

const readLong: (bytes: Uint8Array, offset: number, size: number) => string = isSlice(slice)
  ? (bytes, offset, size) => {
      // a replacement character was there, or was put where the bytes are wrong
      const text = slice.call(bytes, offset, offset + size)
      return text.includes("\ufffd") ? decode(bytes, offset, size) : text
    }
  : decode

export const readText = (bytes: Uint8Array, offset: number, size: number): string => {
  if (size > shortText) return readLong(bytes, offset, size)
  let text = ""
  for (let index = offset; index < offset + size; index++) {
    const code = bytes[index] ?? 0
    if (code > 0x7f) return readLong(bytes, offset, size)
    text += String.fromCharCode(code)
  }
  return text
}

export const writeText = (sink: ValueSink, text: string): void => {
  if (text.includes("\0")) {
    fail(
      `the string has the character U+0000 at ${text.indexOf("\0")}, which text in PostgreSQL cannot hold: send a ` +
        "Uint8Array to a bytea, or remove it"
    )
  }
  if (!text.isWellFormed()) {
    fail("the string has a lone surrogate, which is not Unicode text: see String.prototype.toWellFormed")
  }
  sink.utf8(text)
}

/** The codec of types whose binary format is their text. */
export const textCodec = (type: string): TypeCodec => ({
  read: readText,
  write: (sink, value) => writeText(sink, requireString(value, type))
})

/** As `textCodec`, behind a version number of one byte. */
export const versionedTextCodec = (type: string, version: number): TypeCodec => ({
  read: (bytes, offset, size) => {
    if (size === 0 || bytes[offset] !== version) return fail(`${type} has a version that is not ${version}`)
    return readText(bytes, offset + 1, size - 1)
  },
  write: (sink, value) => {
    const text = requireString(value, type)
    sink.uint8(version)
    writeText(sink, text)
  }
})

const stringify = (value: unknown, type: string): string => {
  try {
    // of a function or a symbol it makes nothing, whatever its type says
    const text: unknown = JSON.stringify(value)
    return typeof text === "string" ? text : expected("a value that JSON can hold", type, value)
  } catch (error) {
    return fail(`${type} takes what JSON can hold: ${error instanceof Error ? error.message : String(error)}`)
  }
}

/** `json`, and `jsonb` that has a version before it. Its text is JSON, so it has no character that text cannot hold. */
export const jsonCodec = (type: "json" | "jsonb"): TypeCodec => {
  const version = type === "jsonb" ? 1 : 0
  return {
    arrayValued: true,
    read: (bytes, offset, size) => {
      if (version === 1 && (size === 0 || bytes[offset] !== 1)) return fail("jsonb has a version that is not 1")
      const text = readText(bytes, offset + version, size - version)
      try {
        return JSON.parse(text)
      } catch {
        return fail(`${type} that came is no JSON`)
      }
    },
    write: (sink, value) => {
      const text = stringify(value, type)
      if (version === 1) sink.uint8(1)
      sink.utf8(text)
    }
  }
}
