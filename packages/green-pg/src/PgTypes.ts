/**
 * PostgreSQL's types and JavaScript's: how the columns of a result are read, and how parameters are sent.
 *
 * The values are those of `@effect/sql-pg`: `int8` is a bigint, `numeric` a string, `timestamp` and `timestamptz` a
 * `Date` (to the millisecond), `date` a string, `time` microseconds as a bigint, `interval` an `Interval`, `bytea` a
 * `Uint8Array`, `json` and `jsonb` what they hold. Beyond these:
 *
 * - arrays of any number of dimensions, as nested arrays; their lower bounds are dropped. In a parameter of the type
 *   `json[]` or of multiranges an inner array is a value, and not a dimension
 * - ranges as `PgRange`, multiranges as arrays of them
 * - geometric types as plain objects; `bit`, `macaddr`, `pg_lsn`, `tid` … as PostgreSQL prints them; OIDs (`regclass` …)
 *   and transaction ids as numbers, `xid8` as a bigint
 * - `record` as an array; the types of a database (enums, domains, composite types, their arrays and ranges) when they
 *   were loaded: an enum is a string, a domain its base type, a composite an object by the names of its attributes
 * - `hstore`, `citext` and `ltree`, when they were loaded
 *
 * `money`, `tsvector`, `tsquery`, snapshots, and types of extensions that nobody here understands are the bytes of
 * their binary form, in both directions: cast them to text. A type that was not loaded is read as text, which enums
 * are in binary too; what can be no text is an error that names the OID, never garbage.
 *
 * Everything is PostgreSQL's binary format, but for parameters without a type (OID 0), which are text.
 *
 * @since 0.1.0
 */
import * as Catalog from "./internal/types/catalog.ts"
import { infer } from "./internal/types/infer.ts"
import * as Registry from "./internal/types/Registry.ts"
import { type Codec, CodecError, makeParameter, type Parameter, type ValueSink } from "./internal/types/sqlPg.ts"
import { writeText } from "./internal/types/text.ts"
import { expected, located } from "./internal/types/TypeCodec.ts"

/**
 * From `@effect/sql-pg`: parameters with a type of their own (`PgTypes.int8(5n)`), the codecs that may be registered,
 * and the error. `array` may be given nested arrays here.
 *
 * @category re-exports
 * @since 0.1.0
 */
export {
  array,
  bool,
  bpchar,
  bytea,
  cidr,
  type Codec,
  CodecError,
  date,
  float4,
  float8,
  inet,
  int2,
  int4,
  int8,
  type Interval,
  interval,
  isParameter,
  isTextFormat,
  json,
  jsonb,
  name,
  numeric,
  OID,
  oid,
  type Parameter,
  ParameterTypeId,
  text,
  time,
  timestamp,
  timestamptz,
  timetz,
  uuid,
  type ValueSink,
  varchar
} from "./internal/types/sqlPg.ts"

export type { Box, Circle, Line, LineSegment, Path, Point, Polygon } from "./internal/types/geometry.ts"

export * from "./internal/types/constructors.ts"
export type { CatalogRow } from "./internal/types/catalog.ts"
export type { RegisterOptions } from "./internal/types/Registry.ts"

/**
 * A column of a result.
 *
 * @category models
 * @since 0.1.0
 */
export interface Field {
  readonly name: string
  readonly typeOid: number
  readonly typeModifier: number
  readonly tableOid: number
  readonly columnNumber: number
}

/**
 * Reads a value of a row: the `size` bytes at `offset`, for the column with that index. A size of -1 is NULL. Throws
 * `CodecError`, with the name of the column.
 *
 * @category models
 * @since 0.1.0
 */
export type ReadValue = (bytes: Uint8Array, offset: number, size: number, column: number) => unknown

/**
 * The types that a client knows. Shared by its connections: OIDs belong to a database.
 *
 * @category models
 * @since 0.1.0
 */
export interface PgTypes {
  /** The reader of the columns of a result. It keeps the codecs of its time: see `revision`. */
  readonly reader: (fields: ReadonlyArray<Field>) => ReadValue

  /**
   * The reader of values of a type. It takes no NULL. Throws what a codec throws: `CodecError`, unless a registered
   * codec throws otherwise.
   */
  readonly columnReader: (typeOid: number) => (bytes: Uint8Array, offset: number, size: number) => unknown

  /**
   * A plain value with the type that it is sent as; parameters that have one keep it.
   *
   * Booleans are `bool`, bigints `int8`, numbers `int4`, `int8` or `float8` (-0 is the `int4` 0), a `Date` is a
   * `timestamptz`, a `Uint8Array` a `bytea`, ranges of numbers, bigints and dates `int4range`, `int8range` and
   * `tstzrange`. A string has no type, and neither has a range of strings or fractions: the server gives it the one
   * that the statement asks for. `null` and `undefined` are NULL. Arrays have the type of their elements, where plain
   * numbers widen; strings in them are `text`.
   *
   * `index` is for messages: 1 is `$2`. Throws `CodecError` for objects (they may be JSON, a composite, an interval:
   * wrap them), for arrays that are not rectangular, and for arrays of different types.
   */
  readonly parameter: (value: unknown, index?: number) => Parameter

  /**
   * Writes the bytes of a parameter, without their length: binary, or text for the OID 0. A NULL is `sink.sqlNull()`.
   * Throws `CodecError` for what the type cannot hold, and for text that PostgreSQL cannot hold (U+0000, a lone
   * surrogate); what was written until then is to be thrown away.
   */
  readonly write: (sink: ValueSink, parameter: Parameter, index?: number) => void

  /**
   * A parameter of any type by its name, as in SQL: `typed("numeric[]", ["1.5"])`, `typed("address", { street: "" })`.
   * A type of a database must have been loaded under that name. Throws `CodecError` when there is none.
   */
  readonly typed: (name: string, value: unknown) => Parameter

  /** A codec for a type, and with `arrayOid` for its arrays. It goes before what is built in or loaded. */
  readonly register: <A>(oid: number, codec: Codec<A>, options?: Registry.RegisterOptions) => void

  /**
   * Takes the types of a database from the rows that `catalogQuery` gave, and what they are made of. Throws a
   * `CodecError` that names the types that do not exist. Loading again takes what was altered.
   */
  readonly load: (rows: ReadonlyArray<Catalog.CatalogRow>) => void

  /** The types of the columns that were not loaded, each once, as names for `catalogQuery`. */
  readonly unknown: (fields: ReadonlyArray<Field>) => ReadonlyArray<string>

  /** Goes up with every `register` and `load`: a reader made before does not know of them. */
  readonly revision: () => number
}

const writeUntyped = (sink: ValueSink, value: unknown): void => {
  switch (typeof value) {
    case "string":
      return writeText(sink, value)
    case "number":
    case "bigint":
    case "boolean":
      return sink.utf8(String(value))
    default:
      return expected("a string, a number or a boolean", "a parameter without a type", value)
  }
}

/**
 * The types of a new client: those that are built in. Registering and loading changes it, and no other.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (): PgTypes => {
  const registry = Registry.make()
  const { arrayOf, lookup } = registry

  const place = (index: number | undefined) => (index === undefined ? undefined : `parameter $${index + 1}`)

  return {
    reader: (fields) => {
      const readers = fields.map(({ typeOid }) => lookup(typeOid).read)
      return (bytes, offset, size, column) => {
        if (size < 0) return null
        const read = readers[column]
        if (read === undefined) throw new CodecError({ message: `the result has no column with the index ${column}` })
        try {
          return read(bytes, offset, size)
        } catch (error) {
          throw located(error, `column ${JSON.stringify(fields[column]?.name)}`)
        }
      }
    },
    columnReader: (typeOid) => lookup(typeOid).read,
    parameter: (value, index) => {
      try {
        return infer(value, arrayOf)
      } catch (error) {
        throw located(error, place(index))
      }
    },
    write: (sink, parameter, index) => {
      const { oid, value } = parameter
      if (value === null || value === undefined) return sink.sqlNull()
      try {
        return oid === 0 ? writeUntyped(sink, value) : lookup(oid).write(sink, value)
      } catch (error) {
        throw located(error, place(index))
      }
    },
    typed: (name, value) => {
      const oid = registry.named(name)
      if (oid !== undefined) return makeParameter(oid, value ?? null)
      throw new CodecError({ message: `no type ${JSON.stringify(name)} is known: load it first` })
    },
    register: (oid, codec, options = {}) => registry.register(oid, codec, options),
    load: registry.load,
    unknown: (fields) => [
      ...new Set(fields.filter(({ typeOid }) => !registry.has(typeOid)).map(({ typeOid }) => String(typeOid)))
    ],
    revision: registry.revision
  }
}

/**
 * The query that tells about types of a database, and about all that they are made of. Its one parameter is a `text[]`
 * of names, as in SQL (`mood`, `public."Mood"`, `mood[]`), or of OIDs. Its rows are for `load`. A name that is no SQL
 * (`a b c`) is a syntax error of the server. For PostgreSQL 14 and newer.
 *
 * @category constants
 * @since 0.1.0
 */
export const catalogQuery: string = Catalog.query
