/** Composite types as objects by the names of their attributes, and anonymous records as arrays. */
import type { ValueSink } from "./sqlPg.ts"
import {
  expected,
  fail,
  isRecord,
  located,
  type Lookup,
  readInt32,
  readSize,
  readUint32,
  type TypeCodec,
  writeSized
} from "./TypeCodec.ts"

export interface Attribute {
  readonly name: string
  readonly oid: number
}

/** The values name their types, so an attribute whose type was altered is still read right. */
const readRecord = (bytes: Uint8Array, start: number, size: number, lookup: Lookup): ReadonlyArray<unknown> => {
  const end = start + size
  const count = size < 4 ? -1 : readInt32(bytes, start)
  if (count < 0 || count * 8 > size) return fail("the record has no valid head")
  const values: Array<unknown> = new Array(count)
  let offset = start + 4
  for (let index = 0; index < count; index++) {
    const oid = readUint32(bytes, offset)
    const size = readSize(bytes, offset + 4, end, "the record")
    offset += 8
    if (size === -1) values[index] = null
    else {
      values[index] = lookup(oid).read(bytes, offset, size)
      offset += size
    }
  }
  return offset === end ? values : fail("the record has bytes behind its end")
}

/** `record`: what `ROW(…)` makes. PostgreSQL does not take one from a client. */
export const recordCodec = (lookup: Lookup): TypeCodec => ({
  arrayValued: true,
  read: (bytes, offset, size) => readRecord(bytes, offset, size, lookup),
  write: () => fail("PostgreSQL takes no anonymous record as a parameter: name a composite type")
})

const writeComposite = (
  sink: ValueSink,
  value: unknown,
  type: string,
  attributes: ReadonlyArray<Attribute>,
  lookup: Lookup
): void => {
  if (!isRecord(value)) return expected("an object", type, value)
  for (const key of Object.keys(value)) {
    if (!attributes.some(({ name }) => name === key)) {
      const names = attributes.map(({ name }) => name).join(", ")
      return fail(`${type} has no attribute ${JSON.stringify(key)}: it has ${names}`)
    }
  }
  sink.int32(attributes.length)
  for (const { name, oid } of attributes) {
    sink.int32(oid | 0)
    try {
      writeSized(sink, lookup(oid), Object.hasOwn(value, name) ? value[name] : null)
    } catch (error) {
      throw located(error, `attribute ${JSON.stringify(name)}`)
    }
  }
}

/** A composite type. An attribute that the object does not have is NULL; a key that is no attribute is an error. */
export const compositeCodec = (type: string, attributes: ReadonlyArray<Attribute>, lookup: Lookup): TypeCodec => ({
  read: (bytes, offset, size) => {
    const values = readRecord(bytes, offset, size, lookup)
    if (values.length !== attributes.length) {
      return fail(
        `${type} has ${values.length} attributes, and had ${attributes.length} when it was loaded: load it again`
      )
    }
    // not by assignment, to which __proto__ is no name like others
    return Object.fromEntries(attributes.map(({ name }, index) => [name, values[index]]))
  },
  write: (sink, value) => writeComposite(sink, value, type, attributes, lookup)
})
