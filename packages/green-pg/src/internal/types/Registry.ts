/**
 * The types that one client knows: by OID their codecs and arrays, by name their OIDs.
 *
 * It starts with what is built in. What the catalog tells never replaces what is built in or was registered by hand.
 */
import * as Result from "effect/Result"
import { arrayCodec } from "./arrays.ts"
import { type BuiltIn, builtIn } from "./builtIn.ts"
import { type CatalogRow, codecOf, requireAll } from "./catalog.ts"
import type { Codec } from "./sqlPg.ts"
import { readText } from "./text.ts"
import { fail, type Lookup, type TypeCodec } from "./TypeCodec.ts"

/**
 * How a codec is registered.
 *
 * @category models
 * @since 0.1.0
 */
export interface RegisterOptions {
  /** The type of its arrays, which is registered with it. */
  readonly arrayOid?: number | undefined
  /** Its values are JavaScript arrays: an array in an array of them is a value, and not a dimension. */
  readonly arrayValued?: boolean | undefined
}

export interface Registry {
  readonly lookup: Lookup
  readonly has: (oid: number) => boolean
  readonly arrayOf: (elementOid: number) => number | undefined
  readonly named: (name: string) => number | undefined
  readonly register: <A>(oid: number, codec: Codec<A>, options: RegisterOptions) => void
  readonly load: (rows: ReadonlyArray<CatalogRow>) => void
  /** Goes up whenever a type is registered or loaded. */
  readonly revision: () => number
}

/** How SQL calls what the catalog calls otherwise. */
const aliases: ReadonlyArray<readonly [alias: string, name: string]> = [
  ["boolean", "bool"],
  ["smallint", "int2"],
  ["integer", "int4"],
  ["int", "int4"],
  ["bigint", "int8"],
  ["real", "float4"],
  ["double precision", "float8"],
  ["decimal", "numeric"],
  ["character", "bpchar"],
  ["character varying", "varchar"],
  ["bit varying", "varbit"],
  ["time without time zone", "time"],
  ["time with time zone", "timetz"],
  ["timestamp without time zone", "timestamp"],
  ["timestamp with time zone", "timestamptz"]
]

/**
 * The codec of a type that nobody knows. Enums and most types of extensions are text in binary too; what can be no text
 * of PostgreSQL is not guessed.
 */
const unknownCodec = (oid: number): TypeCodec => {
  const remedy = "load it by its name, register a codec, or cast it to text"
  return {
    read: (bytes, offset, size) => {
      for (let index = offset; index < offset + size; index++) {
        if (bytes[index] === 0) return fail(`the type with the OID ${oid} is unknown, and no text: ${remedy}`)
      }
      try {
        return readText(bytes, offset, size)
      } catch {
        return fail(`the type with the OID ${oid} is unknown, and no text: ${remedy}`)
      }
    },
    write: () => fail(`the type with the OID ${oid} is unknown: ${remedy}`)
  }
}

/** Nobody can see whether a value is what the codec takes: it says so itself, and its error is typed. */
const isTaken = <A>(_codec: Codec<A>, _value: unknown): _value is A => true

/** A codec in the form of `@effect/sql-pg`. One without `read` gets bytes of its own. */
const fromCodec = <A>(codec: Codec<A>, arrayValued: boolean): TypeCodec => ({
  arrayValued,
  read: (bytes, offset, size) => {
    const decoded =
      codec.read === undefined
        ? codec.decode(Uint8Array.from(bytes.subarray(offset, offset + size)))
        : codec.read(bytes, offset, size)
    if (Result.isFailure(decoded)) throw decoded.failure
    return decoded.success
  },
  write: (sink, value) => {
    if (!isTaken(codec, value)) return
    if (codec.write === undefined) {
      const encoded = codec.encode(value)
      if (Result.isFailure(encoded)) throw encoded.failure
      sink.raw(encoded.success)
    } else {
      const written = codec.write(sink, value)
      if (Result.isFailure(written)) throw written.failure
    }
  }
})

export const make = (): Registry => {
  const codecs = new Map<number, TypeCodec>()
  const arrays = new Map<number, number>()
  const names = new Map<string, number>()
  /** Those that the catalog does not replace. */
  const fixed = new Set<number>()
  let revision = 0

  const lookup: Lookup = (oid) => codecs.get(oid) ?? unknownCodec(oid)

  const set = (oid: number, arrayOid: number, codec: TypeCodec): void => {
    codecs.set(oid, codec)
    if (arrayOid === 0) return
    arrays.set(oid, arrayOid)
    codecs.set(arrayOid, arrayCodec(oid, lookup))
  }

  const name = (name: string, oid: number, arrayOid: number): void => {
    names.set(name, oid)
    if (arrayOid !== 0) names.set(`${name}[]`, arrayOid)
  }

  const addBuiltIn = ([type, oid, arrayOid, codec]: BuiltIn): void => {
    set(oid, arrayOid, codec)
    name(type, oid, arrayOid)
    fixed.add(oid).add(arrayOid)
  }

  for (const type of builtIn(lookup)) addBuiltIn(type)
  for (const [alias, type] of aliases) {
    const oid = names.get(type) ?? 0
    name(alias, oid, arrays.get(oid) ?? 0)
  }

  return {
    lookup,
    has: (oid) => codecs.has(oid),
    arrayOf: (elementOid) => arrays.get(elementOid),
    named: (name) => names.get(name),
    register: (oid, codec, { arrayOid = 0, arrayValued = false }) => {
      set(oid, arrayOid, fromCodec(codec, arrayValued))
      fixed.add(oid)
      if (arrayOid !== 0) fixed.add(arrayOid)
      revision++
    },
    load: (rows) => {
      requireAll(rows)
      for (const row of rows) {
        if (row.oid === null) continue
        if (!fixed.has(row.oid)) codecs.set(row.oid, codecOf(row, lookup))
        if (row.arrayOid !== 0) arrays.set(row.oid, row.arrayOid)
        for (const each of [row.name, ...row.names]) name(each, row.oid, row.arrayOid)
      }
      revision++
    },
    revision: () => revision
  }
}
