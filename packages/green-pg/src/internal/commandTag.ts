/**
 * The command tag of a statement that has ended: `"INSERT 0 3"` is an `INSERT` of 3 rows, `"CREATE TABLE"` has no number.
 */
import type { Completion } from "./Driver.ts"

export const readTag = (tag: string): Pick<Completion, "command" | "rowCount"> => {
  let at = tag.length
  while (at > 0 && isDigit(tag.charCodeAt(at - 1))) at--
  if (at === tag.length || at < 2 || tag[at - 1] !== " ") return { command: tag, rowCount: 0 }
  const command = tag.slice(0, at - 1)
  return { command: command === "INSERT 0" ? "INSERT" : command, rowCount: Number(tag.slice(at)) }
}

const isDigit = (code: number): boolean => code >= 0x30 && code <= 0x39
