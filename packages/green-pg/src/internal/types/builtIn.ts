/**
 * The types that every server has, with the OIDs that every server gives them (PostgreSQL's `pg_type.dat`).
 *
 * Not here: `aclitem` and `gtsvector`, which PostgreSQL itself does not send in binary.
 */
import { anyArrayCodec, vectorCodec } from "./arrays.ts"
import { recordCodec } from "./composites.ts"
import * as Geometry from "./geometry.ts"
import * as MoreScalars from "./moreScalars.ts"
import { multirangeCodec, rangeCodec } from "./ranges.ts"
import * as Scalars from "./scalars.ts"
import { OID, sqlPgCodec } from "./sqlPg.ts"
import { jsonCodec, textCodec, versionedTextCodec } from "./text.ts"
import type { Lookup, TypeCodec } from "./TypeCodec.ts"

/** A type: its name, its OID, that of its arrays (0 when it has none), its codec. */
export type BuiltIn = readonly [name: string, oid: number, arrayOid: number, codec: TypeCodec]

const text = (name: string, oid: number, arrayOid: number): BuiltIn => [name, oid, arrayOid, textCodec(name)]
const reference = (name: string, oid: number, arrayOid: number): BuiltIn => [name, oid, arrayOid, Scalars.uint4(name)]
const sqlPg = (name: string, oid: number, arrayOid: number): BuiltIn => [name, oid, arrayOid, sqlPgCodec(oid)]
const raw = (name: string, oid: number, arrayOid: number): BuiltIn => [name, oid, arrayOid, MoreScalars.rawCodec(name)]

const scalars: ReadonlyArray<BuiltIn> = [
  ["bool", 16, 1000, Scalars.bool],
  ["bytea", 17, 1001, Scalars.bytea],
  ['"char"', 18, 1002, MoreScalars.char],
  text("name", 19, 1003),
  ["int8", 20, 1016, Scalars.int8],
  ["int2", 21, 1005, Scalars.int2],
  ["int4", 23, 1007, Scalars.int4],
  reference("regproc", 24, 1008),
  text("text", 25, 1009),
  reference("oid", 26, 1028),
  ["tid", 27, 1010, MoreScalars.tid],
  reference("xid", 28, 1011),
  reference("cid", 29, 1012),
  ["json", 114, 199, jsonCodec("json")],
  text("xml", 142, 143),
  text("pg_node_tree", 194, 0),
  ["point", 600, 1017, Geometry.point],
  ["lseg", 601, 1018, Geometry.lseg],
  ["path", 602, 1019, Geometry.path],
  ["box", 603, 1020, Geometry.box],
  ["polygon", 604, 1027, Geometry.polygon],
  ["line", 628, 629, Geometry.line],
  sqlPg("cidr", 650, 651),
  ["float4", 700, 1021, Scalars.float4],
  ["float8", 701, 1022, Scalars.float8],
  text("unknown", 705, 0),
  ["circle", 718, 719, Geometry.circle],
  ["macaddr8", 774, 775, MoreScalars.macaddr("macaddr8", 8)],
  raw("money", 790, 791),
  ["macaddr", 829, 1040, MoreScalars.macaddr("macaddr", 6)],
  sqlPg("inet", 869, 1041),
  text("bpchar", 1042, 1014),
  text("varchar", 1043, 1015),
  sqlPg("date", 1082, 1182),
  sqlPg("time", 1083, 1183),
  ["timestamp", 1114, 1115, Scalars.timestamp],
  ["timestamptz", 1184, 1185, Scalars.timestamptz],
  sqlPg("interval", 1186, 1187),
  sqlPg("timetz", 1266, 1270),
  ["bit", 1560, 1561, MoreScalars.bits("bit")],
  ["varbit", 1562, 1563, MoreScalars.bits("varbit")],
  ["numeric", 1700, 1231, Scalars.numeric],
  text("refcursor", 1790, 2201),
  reference("regprocedure", 2202, 2207),
  reference("regoper", 2203, 2208),
  reference("regoperator", 2204, 2209),
  reference("regclass", 2205, 2210),
  reference("regtype", 2206, 2211),
  text("cstring", 2275, 1263),
  ["void", 2278, 0, MoreScalars.voidCodec],
  sqlPg("uuid", 2950, 2951),
  raw("txid_snapshot", 2970, 2949),
  ["pg_lsn", 3220, 3221, MoreScalars.pgLsn],
  raw("pg_ndistinct", 3361, 0),
  raw("pg_dependencies", 3402, 0),
  raw("tsvector", 3614, 3643),
  raw("tsquery", 3615, 3645),
  reference("regconfig", 3734, 3735),
  reference("regdictionary", 3769, 3770),
  ["jsonb", 3802, 3807, jsonCodec("jsonb")],
  ["jsonpath", 4072, 4073, versionedTextCodec("jsonpath", 1)],
  reference("regnamespace", 4089, 4090),
  reference("regrole", 4096, 4097),
  reference("regcollation", 4191, 4192),
  raw("pg_mcv_list", 5017, 0),
  raw("pg_snapshot", 5038, 5039),
  ["xid8", 5069, 271, Scalars.uint8("xid8")]
]

/** A type of ranges: its name and OIDs, the type of its bounds, and the type of its multiranges. */
const ranges = [
  ["int4", 3904, 3905, OID.int4, 4451, 6150],
  ["num", 3906, 3907, OID.numeric, 4532, 6151],
  ["ts", 3908, 3909, OID.timestamp, 4533, 6152],
  ["tstz", 3910, 3911, OID.timestamptz, 4534, 6153],
  ["date", 3912, 3913, OID.date, 4535, 6155],
  ["int8", 3926, 3927, OID.int8, 4536, 6157]
] as const

/** All of them, for a registry: what is made of other types looks their codecs up in it. */
export const builtIn = (lookup: Lookup): ReadonlyArray<BuiltIn> => [
  ...scalars,
  ["int2vector", 22, 1006, vectorCodec(OID.int2, lookup)],
  ["oidvector", 30, 1013, vectorCodec(OID.oid, lookup)],
  ["record", 2249, 2287, recordCodec(lookup)],
  ["anyarray", 2277, 0, anyArrayCodec(lookup)],
  ...ranges.flatMap(([name, oid, arrayOid, subtype, multirange, multirangeArray]): ReadonlyArray<BuiltIn> => [
    [`${name}range`, oid, arrayOid, rangeCodec(subtype, lookup)],
    [`${name}multirange`, multirange, multirangeArray, multirangeCodec(oid, lookup)]
  ])
]
