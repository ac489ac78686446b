/** Parameters of the types whose values do not tell their type: ranges, multiranges, geometric types. */
import type { PgRange } from "../../PgRange.ts"
import type { Box, Circle, Line, LineSegment, Path, Point, Polygon } from "./geometry.ts"
import { makeParameter, type Parameter } from "./sqlPg.ts"

const typed =
  <A>(oid: number) =>
  (value: A | null): Parameter =>
    makeParameter(oid, value)

/**
 * A parameter of the type `int4range`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const int4range: (value: PgRange<number> | null) => Parameter = typed(3904)

/**
 * A parameter of the type `int4multirange`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const int4multirange: (value: ReadonlyArray<PgRange<number>> | null) => Parameter = typed(4451)

/**
 * A parameter of the type `int8range`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const int8range: (value: PgRange<bigint> | null) => Parameter = typed(3926)

/**
 * A parameter of the type `int8multirange`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const int8multirange: (value: ReadonlyArray<PgRange<bigint>> | null) => Parameter = typed(4536)

/**
 * A parameter of the type `numrange`. The bounds are decimal strings.
 *
 * @category constructors
 * @since 0.1.0
 */
export const numrange: (value: PgRange<string> | null) => Parameter = typed(3906)

/**
 * A parameter of the type `nummultirange`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const nummultirange: (value: ReadonlyArray<PgRange<string>> | null) => Parameter = typed(4532)

/**
 * A parameter of the type `tsrange`. The UTC fields of a bound are the wall clock.
 *
 * @category constructors
 * @since 0.1.0
 */
export const tsrange: (value: PgRange<Date> | null) => Parameter = typed(3908)

/**
 * A parameter of the type `tsmultirange`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const tsmultirange: (value: ReadonlyArray<PgRange<Date>> | null) => Parameter = typed(4533)

/**
 * A parameter of the type `tstzrange`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const tstzrange: (value: PgRange<Date> | null) => Parameter = typed(3910)

/**
 * A parameter of the type `tstzmultirange`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const tstzmultirange: (value: ReadonlyArray<PgRange<Date>> | null) => Parameter = typed(4534)

/**
 * A parameter of the type `daterange`. The bounds are `YYYY-MM-DD`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const daterange: (value: PgRange<string> | null) => Parameter = typed(3912)

/**
 * A parameter of the type `datemultirange`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const datemultirange: (value: ReadonlyArray<PgRange<string>> | null) => Parameter = typed(4535)

/**
 * A parameter of the type `point`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const point: (value: Point | null) => Parameter = typed(600)

/**
 * A parameter of the type `line`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const line: (value: Line | null) => Parameter = typed(628)

/**
 * A parameter of the type `lseg`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const lseg: (value: LineSegment | null) => Parameter = typed(601)

/**
 * A parameter of the type `box`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const box: (value: Box | null) => Parameter = typed(603)

/**
 * A parameter of the type `path`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const path: (value: Path | null) => Parameter = typed(602)

/**
 * A parameter of the type `polygon`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const polygon: (value: Polygon | null) => Parameter = typed(604)

/**
 * A parameter of the type `circle`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const circle: (value: Circle | null) => Parameter = typed(718)
