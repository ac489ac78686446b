/**
 * What a statement gives.
 *
 * Types only.
 *
 * @since 0.1.0
 */
import type { Field } from "./PgTypes.ts"

/**
 * A row, by the names of its columns. Of columns with the same name the last one counts.
 *
 * @category models
 * @since 0.1.0
 */
export interface Row {
  readonly [column: string]: unknown
}

/**
 * The result of a statement: its rows, their columns, and its command tag (`"INSERT"` and 3 of `INSERT 0 3`).
 * `rowCount` is how many rows were given or changed.
 *
 * @category models
 * @since 0.1.0
 */
export interface PgResult<A = Row> {
  readonly rows: ReadonlyArray<A>
  readonly fields: ReadonlyArray<Field>
  readonly command: string
  readonly rowCount: number
}

/**
 * A statement and its parameters.
 *
 * @category models
 * @since 0.1.0
 */
export interface PgStatement {
  readonly sql: string
  readonly parameters?: ReadonlyArray<unknown> | undefined
}
