/**
 * What can be wrong with a value before libpq sees it: what it would cut off, would report late, or would show to
 * everybody.
 */
import * as Result from "effect/Result"
import { isIP } from "node:net"
import type { InvalidOption } from "../../ConnectOptions.ts"

/** A value, and the option that said it. */
export interface Said {
  readonly option: string
  readonly value: string
}

/** The value of a keyword, or what is wrong with it. */
export const checked = (keyword: string, said: Said): Result.Result<Said, InvalidOption> => {
  const problem = said.value.includes("\0") ? containsNul : rules.get(keyword)?.(said.value)
  return problem === undefined ? Result.succeed(said) : invalid(said.option, problem)
}

export const invalid = (option: string, problem: string): Result.Result<never, InvalidOption> =>
  Result.fail({ _tag: "InvalidOption", option, problem })

export const containsNul = "it has a NUL, where libpq would cut it off"

/** Whether libpq's host is the directory of a Unix socket. */
export const isSocket = (host: string): boolean => host.startsWith("/") || host.startsWith("@")

type Rule = (value: string) => string | undefined

const utf8: Rule = (value) =>
  /^utf-?8$/i.test(value)
    ? undefined
    : `the strings of JavaScript are sent and read as UTF8, so it cannot be ${JSON.stringify(value)}; leave it out`

// libpq puts the name of a file that it cannot open into its message: with the text of a key there, that is the key.
const fileName: Rule = (value) =>
  value.includes("-----BEGIN") ? "it is the text of a PEM file, and libpq takes the name of one" : undefined

// Neither is the value shown: a URI in the wrong place has a password in it.
const host: Rule = (value) =>
  value.split(",").some((one) => !isSocket(one) && isIP(one) === 0 && /[\s/:@?[]/.test(one))
    ? "a host is a name, an address, or a directory that begins with / or @; a URI is given as url, and a port as port"
    : undefined

const database: Rule = (value) =>
  /^postgres(ql)?:\/\//.test(value) ? "it is a URI, and that is given as url" : undefined

const rules: ReadonlyMap<string, Rule> = new Map([
  ["client_encoding", utf8],
  ["sslrootcert", fileName],
  ["sslcert", fileName],
  ["sslkey", fileName],
  ["sslcrl", fileName],
  ["host", host],
  ["hostaddr", host],
  ["dbname", database]
])
