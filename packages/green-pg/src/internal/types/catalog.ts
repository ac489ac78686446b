/**
 * The types that a database defines itself: how they are asked for, and how codecs are made of the answer.
 *
 * Labels of enums are not asked for: an enum is its label as text, and the server judges which labels there are.
 */
import { arrayCodec } from "./arrays.ts"
import { compositeCodec } from "./composites.ts"
import { hstore } from "./extensions.ts"
import { rawCodec } from "./moreScalars.ts"
import { multirangeCodec, rangeCodec } from "./ranges.ts"
import { textCodec, versionedTextCodec } from "./text.ts"
import { fail, type Lookup, type TypeCodec } from "./TypeCodec.ts"

/**
 * A row of the answer to `PgTypes.catalogQuery`: a type, or a name of which there is none.
 *
 * @category models
 * @since 0.1.0
 */
export interface CatalogRow {
  /** As the server writes it; for a name of which there is no type, that name. */
  readonly name: string
  /** The names under which it was asked for. */
  readonly names: ReadonlyArray<string>
  /** `null` when there is no such type. */
  readonly oid: number | null
  /** `typtype`: `b`ase, `c`omposite, `d`omain, `e`num, `m`ultirange, `p`seudo, `r`ange. */
  readonly kind: string
  /** The type of its arrays, or 0. */
  readonly arrayOid: number
  /** What it is made of: an array's elements, a domain's base, a range's bounds, a multirange's ranges; or 0. */
  readonly innerOid: number
  /** The function that makes its binary form. */
  readonly send: string
  readonly attributeNames: ReadonlyArray<string>
  readonly attributeOids: ReadonlyArray<number>
}

export const query = `WITH RECURSIVE asked(name, oid) AS (
  SELECT name, CASE WHEN name ~ '^[0-9]+$' THEN (SELECT t.oid FROM pg_catalog.pg_type t WHERE t.oid = name::pg_catalog.oid)
    ELSE pg_catalog.to_regtype(name)::pg_catalog.oid END
  FROM pg_catalog.unnest($1::pg_catalog.text[]) AS name
), wanted(oid) AS (
  SELECT oid FROM asked WHERE oid IS NOT NULL
  UNION
  SELECT next.oid FROM wanted JOIN pg_catalog.pg_type t ON t.oid = wanted.oid CROSS JOIN LATERAL (
    SELECT t.typarray AS oid
    UNION ALL SELECT t.typbasetype
    UNION ALL SELECT t.typelem WHERE t.typsubscript = 'pg_catalog.array_subscript_handler'::pg_catalog.regproc
    UNION ALL SELECT a.atttypid FROM pg_catalog.pg_attribute a
      WHERE t.typtype = 'c' AND a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped
    UNION ALL SELECT pg_catalog.unnest(ARRAY[r.rngtypid, r.rngsubtype, r.rngmultitypid]) FROM pg_catalog.pg_range r
      WHERE t.oid IN (r.rngtypid, r.rngmultitypid)
  ) AS next WHERE next.oid <> 0
)
SELECT COALESCE(pg_catalog.format_type(t.oid, NULL), names.missing) AS name,
  COALESCE(names.names, ARRAY[]::pg_catalog.text[]) AS names,
  t.oid AS oid,
  COALESCE(t.typtype::pg_catalog.text, '') AS kind,
  COALESCE(t.typarray, 0::pg_catalog.oid) AS "arrayOid",
  COALESCE(CASE t.typtype
    WHEN 'd' THEN t.typbasetype
    WHEN 'r' THEN (SELECT r.rngsubtype FROM pg_catalog.pg_range r WHERE r.rngtypid = t.oid)
    WHEN 'm' THEN (SELECT r.rngtypid FROM pg_catalog.pg_range r WHERE r.rngmultitypid = t.oid)
    WHEN 'b' THEN CASE WHEN t.typsubscript = 'pg_catalog.array_subscript_handler'::pg_catalog.regproc THEN t.typelem END
  END, 0::pg_catalog.oid) AS "innerOid",
  COALESCE((SELECT p.proname::pg_catalog.text FROM pg_catalog.pg_proc p WHERE p.oid = t.typsend), '') AS send,
  COALESCE(attributes.names, ARRAY[]::pg_catalog.text[]) AS "attributeNames",
  COALESCE(attributes.oids, ARRAY[]::pg_catalog.oid[]) AS "attributeOids"
FROM (
  SELECT wanted.oid, pg_catalog.array_agg(asked.name) FILTER (WHERE asked.name IS NOT NULL) AS names, NULL AS missing
    FROM wanted LEFT JOIN asked ON asked.oid = wanted.oid GROUP BY wanted.oid
  UNION ALL SELECT NULL, ARRAY[asked.name], asked.name FROM asked WHERE asked.oid IS NULL
) AS names
LEFT JOIN pg_catalog.pg_type t ON t.oid = names.oid
LEFT JOIN LATERAL (
  SELECT pg_catalog.array_agg(a.attname::pg_catalog.text ORDER BY a.attnum) AS names,
    pg_catalog.array_agg(a.atttypid ORDER BY a.attnum) AS oids
  FROM pg_catalog.pg_attribute a
  WHERE t.typtype = 'c' AND a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped
) AS attributes ON true`

/** What functions of extensions send. */
const bySend = (name: string, send: string): TypeCodec => {
  switch (send) {
    case "textsend":
    case "varcharsend":
    case "bpcharsend":
    case "namesend":
    case "citextsend":
      return textCodec(name)
    case "hstore_send":
      return hstore
    case "ltree_send":
    case "lquery_send":
    case "ltxtq_send":
      return versionedTextCodec(name, 1)
    default:
      return rawCodec(name)
  }
}

/** A domain is read and written as what it is made of, also where that is loaded later. */
const domainCodec = (baseOid: number, lookup: Lookup): TypeCodec => ({
  get arrayValued() {
    return lookup(baseOid).arrayValued === true
  },
  read: (bytes, offset, size) => lookup(baseOid).read(bytes, offset, size),
  write: (sink, value) => lookup(baseOid).write(sink, value)
})

/** The codec of a type of the catalog. */
export const codecOf = (row: CatalogRow, lookup: Lookup): TypeCodec => {
  switch (row.kind) {
    case "c":
      return compositeCodec(
        row.name,
        row.attributeNames.map((name, index) => ({ name, oid: row.attributeOids[index] ?? 0 })),
        lookup
      )
    case "d":
      return domainCodec(row.innerOid, lookup)
    case "e":
      return textCodec(row.name)
    case "r":
      return rangeCodec(row.innerOid, lookup)
    case "m":
      return multirangeCodec(row.innerOid, lookup)
    default:
      return row.innerOid === 0 ? bySend(row.name, row.send) : arrayCodec(row.innerOid, lookup)
  }
}

/** The names of which there is no type are an error that names all of them. */
export const requireAll = (rows: ReadonlyArray<CatalogRow>): void => {
  const missing = rows.filter((row) => row.oid === null).map((row) => JSON.stringify(row.name))
  if (missing.length > 0) {
    fail(`there is no type ${missing.join(", ")}: see the name, its schema and the search_path`)
  }
}
