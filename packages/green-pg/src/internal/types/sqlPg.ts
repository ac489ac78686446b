/**
 * What is taken from `@effect/sql-pg`: its codecs, and those of its names that users meet.
 *
 * This file alone imports its `PgTypes`. The codecs are taken from a registry of our own: the module-wide one can be
 * changed by anybody.
 */
import { makeFieldReader, makeRegistry, type Parameter, ParameterTypeId, writeParameter } from "@effect/sql-pg/PgTypes"
import * as Result from "effect/Result"
import type { TypeCodec } from "./TypeCodec.ts"

export type { ValueSink } from "@effect/sql-pg/PgProtocol"
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
  varchar
} from "@effect/sql-pg/PgTypes"

/** A value with the type that it is sent as. */
export const makeParameter = (oid: number, value: unknown): Parameter => ({
  [ParameterTypeId]: ParameterTypeId,
  oid,
  value
})

const registry = makeRegistry()

/** Its codec of a built-in type. */
export const sqlPgCodec = (oid: number): TypeCodec => {
  const read = Result.getOrThrow(makeFieldReader([{ dataTypeOid: oid, format: 1 }], registry))
  return {
    read: (bytes, offset, size) => read(bytes, offset, size, 0),
    write: (sink, value) => {
      const written = writeParameter(sink, makeParameter(oid, value), registry)
      if (Result.isFailure(written)) throw written.failure
    }
  }
}
