/**
 * What the clients are asked to do.
 */
import * as Effect from "effect/Effect"
import type { SqlClient } from "effect/sql/SqlClient"
import { type Client, fibers } from "../concurrently.ts"

/**
 * - `select`, `parameters`, `many`: a prepared statement without and with parameters, and one of many rows, by the
 *   client's usual interface: `SqlClient` where it has one.
 * - `pool`, `connection`: the first of them on a connection borrowed from the pool, and on a connection alone.
 * - `pipeline`: a hundred of it in one go.
 * - `sync each`, `sync once`: the same hundred as bytes, with a Sync after each, and with one after all; and `flow`, in
 *   which a next one, with its Sync, goes out for each that is answered, so that a hundred are always on the way.
 */
export type Work =
  | "select"
  | "parameters"
  | "many"
  | "pool"
  | "connection"
  | "pipeline"
  | "sync each"
  | "sync once"
  | "flow"

/** What a client can do. */
export type Works = Readonly<Partial<Record<Work, Client>>>

/** So many statements are in flight at a time, or go out in one. */
export const hundred = 100

/** The texts. */
export const texts = {
  select: "SELECT 1 AS a",
  parameters: "SELECT $1::int4 AS a, $2::text AS b, $3::float8 AS c",
  many: "SELECT a, b, c, d, e FROM many"
} as const

/** The parameters of the statement so many. */
export const parameters = (index: number): [number, string, number] => [index, `name ${index}`, index + 0.5]

/** Throws unless these are the rows; of values the text is compared, since clients read them as different types. */
export const verify = (work: keyof typeof texts, rows: ReadonlyArray<object>, count: number): void => {
  const expected = {
    select: { a: 1 },
    parameters: { a: 0, b: "name 0", c: 0.5 },
    many: { a: 1, b: 10_000_000_001n, c: "name 1", d: 1.5, e: true }
  }[work]
  const show = (row: object | undefined) => Object.entries(row ?? {}).join(" ")
  if (rows.length !== count || show(rows[0]) !== show(expected))
    throw new Error(`${rows.length} rows, the first ${show(rows[0])}, of ${count}, the first ${show(expected)}`)
}

/** What is done by `SqlClient`. A statement without parameters is made once; one with parameters each time. */
export const sqlWorks = (sql: SqlClient, rows: number): Effect.Effect<Works, unknown> =>
  Effect.gen(function* () {
    const select = sql<object>`SELECT 1 AS a`
    const many = sql<object>`SELECT a, b, c, d, e FROM many`
    let asked = 0
    const parametrised = Effect.suspend(() => {
      const [a, b, c] = parameters(asked++)
      return sql<object>`SELECT ${a}::int4 AS a, ${b}::text AS b, ${c}::float8 AS c`
    })
    verify("select", yield* select, 1)
    verify("parameters", yield* parametrised, 1)
    if (rows > 0) verify("many", yield* many, rows)
    return {
      select: fibers("select", select),
      parameters: fibers("parameters", parametrised),
      many: fibers("many", many)
    }
  })
