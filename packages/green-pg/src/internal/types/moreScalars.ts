/** Small types that `@effect/sql-pg` has no codec for, as the text that PostgreSQL prints for them. */
import {
  expected,
  fail,
  readInt32,
  readUint16,
  readUint32,
  requireSize,
  requireString,
  type TypeCodec
} from "./TypeCodec.ts"
import type { ValueSink } from "./sqlPg.ts"

/** `bit` and `varbit`, as a string of 0 and 1. */
export const bits = (type: string): TypeCodec => ({
  read: (bytes, offset, size) => {
    const length = size < 4 ? -1 : readInt32(bytes, offset)
    if (length < 0 || size !== 4 + Math.ceil(length / 8)) return fail(`${type} has no valid length`)
    let text = ""
    for (let index = 0; index < length; index++) {
      text += ((bytes[offset + 4 + (index >> 3)] ?? 0) >> (7 - (index & 7))) & 1 ? "1" : "0"
    }
    return text
  },
  write: (sink, value) => {
    const text = requireString(value, type)
    if (!/^[01]*$/.test(text)) expected("a string of 0 and 1", type, value)
    sink.int32(text.length)
    for (let start = 0; start < text.length; start += 8) {
      sink.uint8(Number.parseInt(text.slice(start, start + 8).padEnd(8, "0"), 2))
    }
  }
})

const hex = (value: number): string => value.toString(16).padStart(2, "0")

/** Addresses of 6 or 8 bytes, written `08:00:2b:01:02:03`; the other spellings of PostgreSQL are taken too. */
export const macaddr = (type: string, length: 6 | 8): TypeCodec => ({
  read: (bytes, offset, size) => {
    requireSize(size, length, type)
    return Array.from({ length }, (_, index) => hex(bytes[offset + index] ?? 0)).join(":")
  },
  write: (sink, value) => {
    const digits = requireString(value, type).replace(/[:.-]/g, "")
    if (digits.length !== length * 2 || !/^[0-9a-f]*$/i.test(digits)) {
      expected(
        `${length} bytes in hexadecimal, such as ${length === 6 ? "08:00:2b:01:02:03" : "08:00:2b:01:02:03:04:05"}`,
        type,
        value
      )
    }
    for (let start = 0; start < digits.length; start += 2)
      sink.uint8(Number.parseInt(digits.slice(start, start + 2), 16))
  }
})

/** A place in the write-ahead log: `16/B374D848`. */
export const pgLsn: TypeCodec = {
  read: (bytes, offset, size) => {
    requireSize(size, 8, "pg_lsn")
    const half = (at: number) => readUint32(bytes, at).toString(16).toUpperCase()
    return `${half(offset)}/${half(offset + 4)}`
  },
  write: (sink, value) => {
    const parts = /^([0-9a-f]{1,8})\/([0-9a-f]{1,8})$/i.exec(requireString(value, "pg_lsn"))
    if (parts === null) return expected("a string such as 16/B374D848", "pg_lsn", value)
    const [, high = "", low = ""] = parts
    sink.int32(Number.parseInt(high, 16) | 0)
    sink.int32(Number.parseInt(low, 16) | 0)
  }
}

/** The place of a row: `(block,offset)`. */
export const tid: TypeCodec = {
  read: (bytes, offset, size) => {
    requireSize(size, 6, "tid")
    return `(${readUint32(bytes, offset)},${readUint16(bytes, offset + 4)})`
  },
  write: (sink, value) => {
    const parts = /^\((\d{1,10}),(\d{1,5})\)$/.exec(requireString(value, "tid"))
    const block = Number(parts?.[1])
    const row = Number(parts?.[2])
    if (!(block <= 0xffffffff && row <= 0xffff)) return expected("a string such as (0,1)", "tid", value)
    sink.int32(block | 0)
    sink.int16((row << 16) >> 16)
  }
}

/** `"char"`: one byte, as a string of one character of Latin-1; the byte 0 is the empty string. */
export const char: TypeCodec = {
  read: (bytes, offset, size) => {
    requireSize(size, 1, '"char"')
    const code = bytes[offset] ?? 0
    return code === 0 ? "" : String.fromCharCode(code)
  },
  write: (sink, value) => {
    const text = requireString(value, '"char"')
    const code = text === "" ? 0 : text.charCodeAt(0)
    if (text.length > 1 || code > 255) expected("a string of one character of one byte", '"char"', value)
    sink.uint8(code)
  }
}

/** What functions that give nothing give: an empty string, as in `psql`. */
export const voidCodec: TypeCodec = {
  read: () => "",
  write: () => fail("void is no type of a parameter")
}

/** A type whose bytes nobody here understands. They are given as they are, and taken as they are. */
export const rawCodec = (type: string): TypeCodec => ({
  read: (bytes, offset, size) => {
    const copy = new Uint8Array(size)
    copy.set(bytes.subarray(offset, offset + size))
    return copy
  },
  write: (sink: ValueSink, value) =>
    sink.raw(
      value instanceof Uint8Array
        ? value
        : expected("its binary form as a Uint8Array (or send a string without a type)", type, value)
    )
})
