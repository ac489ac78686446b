/**
 * What may be sent: checks that both drivers make before anything is in the output. C ends a text at its first NUL, so a
 * text with one would be cut there without a word.
 */
import { PgError } from "../PgError.ts"

/** The error of something that cannot be sent; `subject` names it as the user knows it. */
export const invalidInput = (operation: string, subject: string, problem: string): PgError =>
  new PgError({ operation, reason: { _tag: "InvalidInput", subject, problem } })

/** Throws when the text has a NUL in it. */
export const checkText = (operation: string, subject: string, text: string): void => {
  const at = text.indexOf("\0")
  if (at >= 0) {
    throw invalidInput(operation, subject, `has a NUL at index ${at}; PostgreSQL's texts cannot hold one: remove it`)
  }
}

/** What Bind can count. */
export const mostParameters = 65535

/** Throws when there are more parameters than a statement can have. */
export const checkCount = (operation: string, count: number): void => {
  if (count > mostParameters) {
    throw invalidInput(operation, `${count} parameters`, `are too many; a statement takes ${mostParameters} at most`)
  }
}

/** The error of what was thrown while a request was made. Codecs begin theirs with the parameter: `parameter $1: …`. */
export const inputError = (operation: string, thrown: unknown): PgError => {
  if (thrown instanceof PgError) return thrown
  const message = thrown instanceof Error ? thrown.message : String(thrown)
  const [, subject = "a parameter", problem = message] = /^(parameter \$\d+): (.*)$/s.exec(message) ?? []
  return invalidInput(operation, subject, `cannot be sent: ${problem}`)
}
