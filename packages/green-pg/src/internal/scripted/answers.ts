/**
 * The answer of a script, as what a server sends: columns with types, rows, and a command tag. Pure.
 */
import type { ServerMessage } from "../../PgError.ts"
import * as PgTypes from "../../PgTypes.ts"
import type { ScriptedAnswer } from "../../testing/ScriptedLibpq.ts"
import { firstWord } from "./defaults.ts"
import type { Column } from "./messages.ts"

const { float8, int4, int8, text } = PgTypes.OID

/** Of plain numbers the one that holds both. */
const widths: ReadonlyArray<number> = [int4, int8, float8]

/** The columns of the rows; `undefined` for a statement that gives none. Throws what is wrong with the rows. */
export const columnsOf = (answer: ScriptedAnswer, types: PgTypes.PgTypes): ReadonlyArray<Column> | undefined => {
  const { columns, rows = [] } = answer
  const [first] = rows
  const names = Object.keys(columns ?? first ?? {})
  if (columns === undefined && answer.rows === undefined) return undefined
  return names.map((name) => {
    const type = columns?.[name]
    if (type !== undefined) return { name, oid: types.typed(type, null).oid }
    const oids = new Set(
      rows.flatMap((row) => {
        const value = row[name]
        return value === null || value === undefined ? [] : [types.parameter(value).oid]
      })
    )
    return { name, oid: oidOf(name, oids) }
  })
}

const oidOf = (name: string, oids: ReadonlySet<number>): number => {
  const [first = text] = oids
  // A string has no type of its own, and NULL has none at all.
  if (oids.size <= 1) return first === 0 ? text : first
  const widest = Math.max(...[...oids].map((oid) => widths.indexOf(oid)))
  if ([...oids].every((oid) => widths.includes(oid))) return widths[widest] ?? text
  throw new TypeError(`the column "${name}" of a scripted answer has values of different types`)
}

/** `SELECT 3`, `INSERT 0 1`, `CREATE TABLE`. */
export const tagOf = ({ command, rowCount, rows }: ScriptedAnswer, sql: string): string => {
  const count = rowCount ?? rows?.length
  const name = command ?? (firstWord(sql) || "SELECT")
  if (count === undefined) return name
  return name === "INSERT" ? `INSERT 0 ${count}` : `${name} ${count}`
}

/** A message of the server of which something was said. */
export const serverMessage = (said: Partial<ServerMessage>, severity: string, code: string): ServerMessage => ({
  severity,
  code,
  message: "scripted",
  ...said
})
