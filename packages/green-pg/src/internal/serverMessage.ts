/**
 * What the server says of an error or a notice, from the fields of its message.
 *
 * Source: "Error and Notice Message Fields" of the PostgreSQL documentation.
 */
import type { ServerMessage } from "../PgError.ts"

/** `field` gives the text of a field by its letter; the message has what there is. */
export const serverMessage = (field: (letter: string) => string | null | undefined): ServerMessage => {
  const text = <Name extends keyof ServerMessage>(name: Name, letter: string) => {
    const value = field(letter) ?? undefined
    return value === undefined ? {} : { [name]: value }
  }
  const number = <Name extends keyof ServerMessage>(name: Name, letter: string) => {
    const value = field(letter) ?? undefined
    return value === undefined || !Number.isInteger(Number(value)) ? {} : { [name]: Number(value) }
  }
  return {
    // The one that is not translated; servers before 9.6 do not send it.
    severity: field("V") ?? field("S") ?? "ERROR",
    code: field("C") ?? "XX000",
    message: field("M") ?? "the server gave no message",
    ...text("detail", "D"),
    ...text("hint", "H"),
    ...number("position", "P"),
    ...number("internalPosition", "p"),
    ...text("internalQuery", "q"),
    ...text("where", "W"),
    ...text("schema", "s"),
    ...text("table", "t"),
    ...text("column", "c"),
    ...text("dataType", "d"),
    ...text("constraint", "n"),
    ...text("file", "F"),
    ...number("line", "L"),
    ...text("routine", "R")
  }
}

/** After it the server closes the connection. */
export const isFatal = ({ severity }: ServerMessage): boolean => severity === "FATAL" || severity === "PANIC"
