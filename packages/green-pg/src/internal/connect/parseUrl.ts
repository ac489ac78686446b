/**
 * A URI or conninfo string as libpq reads it. libpq quotes what it could not read, which may be a piece of a password:
 * its messages are told by how they begin, and put in words of ours.
 */
import * as Result from "effect/Result"
import type { InvalidOption } from "../../ConnectOptions.ts"
import { containsNul, invalid } from "./checks.ts"

export const parseUrl = (
  url: string,
  parse: (conninfo: string) => Readonly<Record<string, string>>
): Result.Result<Readonly<Record<string, string>>, InvalidOption> => {
  if (url === "") return Result.succeed({})
  if (url.includes("\0")) return invalid("url", containsNul)
  if (hasStrayAt(url)) {
    return invalid("url", 'it has an "@" too many; in a password write "@" as %40 and "/" as %2F, elsewhere "@" as %40')
  }
  try {
    return Result.succeed(parse(url))
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause)
    const complaint = complaints.find(([start]) => message.startsWith(start))
    return invalid("url", complaint?.[1] ?? "libpq cannot read it as a URI or as keyword=value pairs")
  }
}

/**
 * Whether there is an "@" behind user and password, and before the query. libpq takes a password as ending at its first
 * "@" or "/", and the rest of it as a host or a database, which are shown.
 */
const hasStrayAt = (url: string): boolean => {
  const scheme = /^postgres(ql)?:\/\//.exec(url)
  if (scheme === null) return false
  const rest = url.slice(scheme[0].length)
  const places = rest.replace(/^[^@/]*@/, "")
  return places.split("?", 1).some((path) => path.includes("@"))
}

const complaints = [
  ['missing "=" after', 'there is no "=" after a keyword; put values that have spaces in quotes'],
  ["unterminated quoted string", "a value in quotes has no end"],
  ["invalid connection option", "it has a keyword that this libpq does not know"],
  ["invalid URI query parameter", "its query has a parameter that is no keyword of this libpq"],
  ["extra key/value separator", 'a parameter of its query has two "="; write the second as %3D'],
  ["missing key/value separator", 'a parameter of its query has no "="'],
  ["invalid percent-encoded token", "there are no two hexadecimal digits after a %; write the % itself as %25"],
  ["forbidden value %00", "it has a NUL (%00), where libpq would cut it off"],
  ["end of string reached", 'there is no "]" after an IPv6 address'],
  ["IPv6 host address may not be empty", "an IPv6 address is empty"],
  ["unexpected character", 'after an IPv6 address there is something other than ":" or "/"'],
  ["unexpected spaces found", "it has spaces; write them as %20"]
] as const
