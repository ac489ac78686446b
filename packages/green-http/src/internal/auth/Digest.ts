/**
 * Digest authentication (RFC 7616, and RFC 2069 for servers without qop): the arithmetic, and what a session remembers.
 */
import { createHash, randomBytes } from "node:crypto"
import type { Challenge } from "./Challenge.ts"

/** What the server said, to be used for the next requests too. */
export interface DigestState {
  readonly realm: string
  readonly nonce: string
  readonly algorithm: Algorithm
  readonly qop: "auth" | "auth-int" | undefined
  readonly opaque: string | undefined
  readonly userhash: boolean
  /** How many requests have used the nonce. */
  count: number
}

interface Algorithm {
  readonly name: string
  readonly hash: "md5" | "sha256" | "sha512-256"
  readonly session: boolean
}

/** Strongest first. */
const algorithms: ReadonlyArray<Algorithm> = [
  { name: "SHA-512-256", hash: "sha512-256", session: false },
  { name: "SHA-512-256-sess", hash: "sha512-256", session: true },
  { name: "SHA-256", hash: "sha256", session: false },
  { name: "SHA-256-sess", hash: "sha256", session: true },
  { name: "MD5", hash: "md5", session: false },
  { name: "MD5-sess", hash: "md5", session: true }
]

/** The strongest challenge that can be answered; a body that is a stream cannot be hashed, so not with auth-int alone. */
export const choose = (challenges: ReadonlyArray<Challenge>, bodyIsKnown: boolean): DigestState | undefined => {
  let best: DigestState | undefined
  for (const { parameters, scheme } of challenges) {
    if (scheme !== "digest") continue
    const name = (parameters.get("algorithm") ?? "MD5").toUpperCase()
    const algorithm = algorithms.find((each) => each.name.toUpperCase() === name)
    const nonce = parameters.get("nonce")
    const offered = parameters
      .get("qop")
      ?.split(",")
      .map((each) => each.trim().toLowerCase())
    const qop = offered?.includes("auth")
      ? "auth"
      : offered?.includes("auth-int") && bodyIsKnown
        ? "auth-int"
        : undefined
    if (algorithm === undefined || nonce === undefined || (offered !== undefined && qop === undefined)) continue
    if (best !== undefined && algorithms.indexOf(best.algorithm) <= algorithms.indexOf(algorithm)) continue
    best = {
      realm: parameters.get("realm") ?? "",
      nonce,
      algorithm,
      qop,
      opaque: parameters.get("opaque"),
      userhash: parameters.get("userhash")?.toLowerCase() === "true",
      count: 0
    }
  }
  return best
}

/** Whether the server only says that the nonce is too old: the same password with the new one. */
export const isStale = (challenges: ReadonlyArray<Challenge>): boolean =>
  challenges.some(({ parameters, scheme }) => scheme === "digest" && parameters.get("stale")?.toLowerCase() === "true")

/** The nonce of an Authentication-Info header that is to be used next. */
export const nextNonce = (info: string | undefined): string | undefined =>
  info === undefined ? undefined : /(?:^|[\s,])nextnonce\s*=\s*"((?:[^"\\]|\\.)*)"/i.exec(info)?.[1]

export interface DigestRequest {
  readonly method: string
  /** The path and query, as on the request line. */
  readonly target: string
  readonly body: Uint8Array | undefined
}

/** The value of the Authorization header. `cnonce` is drawn unless it is given. */
export const authorization = (
  state: DigestState,
  user: string,
  password: string,
  { body, method, target }: DigestRequest,
  cnonce: string = randomBytes(16).toString("hex")
): string => {
  const { algorithm, nonce, opaque, qop, realm, userhash } = state
  const hash = (text: string | Uint8Array) => createHash(algorithm.hash).update(text).digest("hex")
  const count = (++state.count).toString(16).padStart(8, "0")
  const own = hash(`${user}:${realm}:${password}`)
  const secret = algorithm.session ? hash(`${own}:${nonce}:${cnonce}`) : own
  const request = hash(
    qop === "auth-int" ? `${method}:${target}:${hash(body ?? new Uint8Array())}` : `${method}:${target}`
  )
  const response =
    qop === undefined
      ? hash(`${secret}:${nonce}:${request}`)
      : hash(`${secret}:${nonce}:${count}:${cnonce}:${qop}:${request}`)
  // Outside of ASCII a user name is told by RFC 8187, 7616 says in 3.4.
  const ascii = /^[\x20-\x7e]*$/.test(user)
  const name = userhash
    ? `username=${quote(hash(`${user}:${realm}`))}`
    : ascii
      ? `username=${quote(user)}`
      : `username*=UTF-8''${encodeURIComponent(user)}`
  return [
    `Digest ${name}`,
    `realm=${quote(realm)}`,
    `nonce=${quote(nonce)}`,
    `uri=${quote(target)}`,
    `algorithm=${algorithm.name}`,
    `response="${response}"`,
    ...(opaque === undefined ? [] : [`opaque=${quote(opaque)}`]),
    ...(qop === undefined && !algorithm.session ? [] : [`cnonce="${cnonce}"`]),
    ...(qop === undefined ? [] : [`qop=${qop}`, `nc=${count}`]),
    ...(userhash ? ["userhash=true"] : [])
  ].join(", ")
}

const quote = (text: string): string => `"${text.replace(/["\\]/g, "\\$&")}"`
