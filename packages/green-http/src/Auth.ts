/**
 * How a session says who it is.
 *
 * An `Auth` is asked for the Authorization of each request to the origin that it is for, and told of a 401, which it may
 * answer by asking for the request to be sent again. Proxies are another matter.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Fs from "node:fs/promises"
import { homedir } from "node:os"
import * as Path from "node:path"
import { parseChallenges } from "./internal/auth/Challenge.ts"
import * as Digest from "./internal/auth/Digest.ts"
import * as Netrc from "./internal/auth/Netrc.ts"
import { failure, type HttpError } from "./HttpError.ts"
import type { ExchangeRequest, RawHeaders } from "./HttpExchange.ts"
import * as Headers from "./HttpHeaders.ts"
import { messageOf } from "./internal/messageOf.ts"

/**
 * A way to authenticate. Made for one session, or shared by several.
 *
 * @category models
 * @since 0.1.0
 */
export interface Auth {
  /** The value of the Authorization header; `undefined` for none. */
  readonly authorize: (request: ExchangeRequest) => Effect.Effect<Redacted.Redacted | undefined, HttpError>
  /** A 401 has come: whether the request is to be sent again, with what `authorize` gives then. */
  readonly challenged?: (request: ExchangeRequest, response: RawHeaders) => Effect.Effect<boolean, HttpError>
  /** A response has come that was none, and has an Authentication-Info (RFC 7615). */
  readonly answered?: (response: RawHeaders) => Effect.Effect<void>
}

/**
 * A secret, which is never shown: as it is, or wrapped already.
 *
 * @category models
 * @since 0.1.0
 */
export type Secret = string | Redacted.Redacted

const reveal = (secret: Secret): string => (typeof secret === "string" ? secret : Redacted.value(secret))

/**
 * Basic authentication (RFC 7617), in UTF-8.
 *
 * @category constructors
 * @since 0.1.0
 */
export const basic = (user: string, password: Secret): Auth => {
  const header = basicHeader(user, reveal(password))
  return { authorize: () => Effect.succeed(header) }
}

const basicHeader = (user: string, password: string): Redacted.Redacted =>
  Redacted.make(`Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`)

/**
 * A bearer token (RFC 6750).
 *
 * @category constructors
 * @since 0.1.0
 */
export const bearer = (token: Secret): Auth => {
  const header = Redacted.make(`Bearer ${reveal(token)}`)
  return { authorize: () => Effect.succeed(header) }
}

/**
 * A bearer token that is fetched when it is needed, and again after a 401: once at a time, however many requests wait
 * for it. A fresh token that is refused as well ends in the 401.
 *
 * @category constructors
 * @since 0.1.0
 */
export const bearerWith = (fetchToken: Effect.Effect<Secret, unknown>): Effect.Effect<Auth> =>
  Effect.sync(() => {
    let current: Effect.Effect<Secret, unknown> | undefined
    const renew = Effect.flatMap(Effect.cached(fetchToken), (cached) =>
      Effect.sync(() => {
        current = cached
      })
    )
    const sent = new WeakMap<ExchangeRequest, Effect.Effect<Secret, unknown> | undefined>()
    return {
      authorize: (request) =>
        Effect.suspend(() => (current === undefined ? renew : Effect.void)).pipe(
          Effect.flatMap(() => {
            sent.set(request, current)
            return current ?? fetchToken
          }),
          Effect.map((token) => Redacted.make(`Bearer ${reveal(token)}`)),
          Effect.mapError((cause) => {
            // A failure is not kept for the next request.
            current = undefined
            return failure(request, { _tag: "Refused", problem: `the token could not be fetched: ${messageOf(cause)}` })
          })
        ),
      challenged: (request) =>
        Effect.suspend(() => {
          // Somebody else may have renewed it meanwhile.
          if (sent.has(request) && sent.get(request) !== current) return Effect.succeed(true)
          return Effect.as(renew, true)
        })
    }
  })

/**
 * Digest authentication (RFC 7616): MD5, SHA-256 and SHA-512-256, `auth` and `auth-int`. The first request pays a 401;
 * the nonce is kept for the next ones, until the server calls it stale or gives the next one.
 *
 * @category constructors
 * @since 0.1.0
 */
export const digest = (user: string, password: Secret): Effect.Effect<Auth> =>
  Effect.sync(() => {
    let state: Digest.DigestState | undefined
    const tried = new WeakSet<ExchangeRequest>()
    const known = ({ body }: ExchangeRequest) => (body instanceof Uint8Array ? body : body?.bytes)
    return {
      authorize: (request) =>
        Effect.sync(() => {
          if (state === undefined) return undefined
          tried.add(request)
          const { method, url } = request
          const target = url.pathname + url.search
          return Redacted.make(
            Digest.authorization(state, user, reveal(password), { method, target, body: known(request) })
          )
        }),
      challenged: (request, response) =>
        Effect.sync(() => {
          const challenges = parseChallenges(Headers.getAll(response, "www-authenticate"))
          const chosen = Digest.choose(challenges, request.body === undefined || known(request) !== undefined)
          if (chosen === undefined) return false
          const refused = tried.has(request) && !Digest.isStale(challenges) && chosen.nonce === state?.nonce
          state = chosen
          return !refused
        }),
      answered: (response) =>
        Effect.sync(() => {
          const nonce = Digest.nextNonce(Headers.get(response, "authentication-info"))
          if (state !== undefined && nonce !== undefined) state = { ...state, nonce, count: 0 }
        })
    }
  })

/**
 * User and password of the file .netrc, for the host of each request: nothing for a host that it does not name. Read
 * once, at the first request: `path`, or the environment's NETRC, or ~/.netrc. A file that is not there names nobody.
 *
 * @category constructors
 * @since 0.1.0
 */
export const netrc = (options?: { readonly path?: string }): Effect.Effect<Auth> =>
  Effect.map(
    Effect.cached(
      Effect.promise(() => {
        const path = options?.path ?? process.env["NETRC"] ?? Path.join(homedir(), ".netrc")
        return Fs.readFile(path, "utf8").catch(() => "")
      })
    ),
    (file) => ({
      authorize: ({ url }) =>
        Effect.map(file, (text) => {
          const { login, password } = Netrc.lookup(text, url.hostname) ?? {}
          return login === undefined && password === undefined ? undefined : basicHeader(login ?? "", password ?? "")
        })
    })
  )
