/**
 * What the scripted server knows without its script: the words of transactions, and how a text of several statements is
 * parted. Pure.
 */

/** The transaction of a session, by the letter of ReadyForQuery: none, open, failed. */
export type Transaction = "I" | "T" | "E"

export interface Known {
  readonly command: string
  readonly transaction: Transaction
}

const word = /^\s*([a-z]+)(?:\s+(?:transaction|work|to))?/i

/** The first word, in capitals; `""` of nothing. */
export const firstWord = (sql: string): string => (word.exec(sql)?.[1] ?? "").toUpperCase()

/** Whether it may be run in a transaction that has failed. */
export const endsFailure = (sql: string): boolean => ["ROLLBACK", "ABORT", "COMMIT", "END"].includes(firstWord(sql))

/** A statement that controls the transaction: its command tag, and what it leaves. */
export const control = (sql: string, now: Transaction): Known | undefined => {
  switch (firstWord(sql)) {
    case "BEGIN":
      return { command: "BEGIN", transaction: now === "I" ? "T" : now }
    case "START":
      return { command: "START TRANSACTION", transaction: now === "I" ? "T" : now }
    case "COMMIT":
    case "END":
      return { command: now === "E" ? "ROLLBACK" : "COMMIT", transaction: "I" }
    case "ROLLBACK":
    case "ABORT":
      return { command: "ROLLBACK", transaction: /^\s*rollback\s+(\w+\s+)?to\b/i.test(sql) ? "T" : "I" }
    case "SAVEPOINT":
    case "RELEASE":
      return { command: firstWord(sql), transaction: now }
    case "DISCARD":
      return { command: "DISCARD ALL", transaction: now }
    default:
      return undefined
  }
}

/** `LISTEN` or `UNLISTEN`, and the channel; `*` for all. */
export const listening = (sql: string): readonly [word: "LISTEN" | "UNLISTEN", channel: string] | undefined => {
  const found = /^\s*(listen|unlisten)\s+(?:"((?:[^"]|"")+)"|(\w+|\*))\s*;?\s*$/i.exec(sql)
  if (found === null) return undefined
  const channel = found[2]?.replaceAll('""', '"') ?? found[3]?.toLowerCase() ?? ""
  return [found[1]?.toLowerCase() === "listen" ? "LISTEN" : "UNLISTEN", channel]
}

/** The channel and the payload of a NOTIFY. */
export const notifying = (sql: string): readonly [channel: string, payload: string] | undefined => {
  const found = /^\s*notify\s+(?:"((?:[^"]|"")+)"|(\w+))\s*(?:,\s*'((?:[^']|'')*)')?\s*;?\s*$/i.exec(sql)
  if (found === null) return undefined
  const channel = found[1]?.replaceAll('""', '"') ?? found[2]?.toLowerCase() ?? ""
  return [channel, found[3]?.replaceAll("''", "'") ?? ""]
}

/** The statements of a text: parted at semicolons that are not in quotes, or comments. Empty ones are left out. */
export const part = (sql: string): ReadonlyArray<string> => {
  const parts: Array<string> = []
  let from = 0
  const token = /'(?:[^']|'')*'|"(?:[^"]|"")*"|(\$\w*\$)[^]*?\1|--[^\n]*|\/\*[^]*?\*\/|;/g
  for (let found = token.exec(sql); found !== null; found = token.exec(sql)) {
    if (found[0] !== ";") continue
    parts.push(sql.slice(from, found.index))
    from = found.index + 1
  }
  return [...parts, sql.slice(from)].map((each) => each.trim()).filter((each) => each !== "")
}
