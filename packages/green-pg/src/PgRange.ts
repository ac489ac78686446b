/**
 * A range of PostgreSQL: what lies between two bounds, each of them inclusive, exclusive or missing.
 *
 * A model and nothing more: `PgTypes` reads and writes ranges, and the server computes with them. A multirange is an
 * array of ranges.
 *
 * @since 0.1.0
 */

/**
 * @category models
 * @since 0.1.0
 */
export const TypeId = "~green-pg/PgRange"

/**
 * @category models
 * @since 0.1.0
 */
export type TypeId = typeof TypeId

/**
 * A range. A bound that is `null` is unbounded, and never inclusive. The empty range has no bounds.
 *
 * @category models
 * @since 0.1.0
 */
export interface PgRange<out A> {
  readonly [TypeId]: TypeId
  readonly lower: A | null
  readonly upper: A | null
  readonly lowerInclusive: boolean
  readonly upperInclusive: boolean
  readonly empty: boolean
}

/**
 * Which bounds are inclusive, as PostgreSQL writes them.
 *
 * @category models
 * @since 0.1.0
 */
export type Bounds = "[]" | "[)" | "(]" | "()"

/** The mark is on the prototype: ranges in rows are compared, spread and made JSON without it. */
class Range<A> implements PgRange<A> {
  get [TypeId](): TypeId {
    return TypeId
  }
  readonly lower: A | null
  readonly upper: A | null
  readonly lowerInclusive: boolean
  readonly upperInclusive: boolean
  readonly empty: boolean
  constructor(lower: A | null, upper: A | null, lowerInclusive: boolean, upperInclusive: boolean, empty: boolean) {
    this.lower = lower
    this.upper = upper
    this.lowerInclusive = lowerInclusive
    this.upperInclusive = upperInclusive
    this.empty = empty
  }
}

/**
 * A range from `lower` to `upper`; `null` is unbounded. The default is PostgreSQL's: the lower bound belongs to the
 * range, the upper one does not. Whether the bounds are in order is judged by the server.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = <A>(lower: A | null, upper: A | null, bounds: Bounds = "[)"): PgRange<A> =>
  new Range(lower, upper, lower !== null && bounds.startsWith("["), upper !== null && bounds.endsWith("]"), false)

/**
 * The range that holds nothing, whatever its type.
 *
 * @category constructors
 * @since 0.1.0
 */
export const empty: PgRange<never> = new Range<never>(null, null, false, false, true)

/**
 * @category guards
 * @since 0.1.0
 */
export const isPgRange = (value: unknown): value is PgRange<unknown> =>
  typeof value === "object" && value !== null && TypeId in value
