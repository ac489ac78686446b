/**
 * The same GET, fifty on the way, by a session with everything that it does not meet, against a plain one: without a jar,
 * without redirects, without auth.
 *
 * Enabled but not met is: a jar with cookies for another host, which is asked at each request and never has one; digest
 * authentication, which no server asks for, so that each request goes out as it is; redirects, which never come. Told
 * beside: each of them alone. The cache is one of its own, which nothing may be kept in.
 */
import * as Effect from "effect/Effect"
import { Auth, Cookies, type GreenHttp } from "green-http"
import { fibers } from "../concurrently.ts"
import type { Measure, Scale } from "../harness.ts"
import { server, session } from "./clients.ts"
import { measured, row } from "./slices.ts"

const plain: GreenHttp.SessionOptions = { cookies: false, redirects: 0 }

const jar = (): Cookies.Cookies => {
  const cookies = Cookies.make()
  cookies.store(new URL("http://other.test/"), ["set-cookie", "id=1; Path=/", "set-cookie", "theme=dark; Path=/"])
  return cookies
}

const rows = Effect.fnUntraced(function* (scale: Scale) {
  const url = yield* server("small")
  const auth = Auth.digest("user", "password")
  const get = (options: GreenHttp.SessionOptions, cache = false) =>
    Effect.map(session({ baseUrl: url, ...options }, { cache }), (http) =>
      Effect.flatMap(http.get(url), ({ bytes }) => bytes)
    )

  const base = fibers("plain", yield* get(plain))
  const all = fibers("all", yield* get({ cookies: jar(), auth: yield* auth }))
  const cookies = fibers("cookies", yield* get({ ...plain, cookies: jar() }))
  const redirects = fibers("redirects", yield* get({ ...plain, redirects: 20 }))
  const digest = fibers("digest", yield* get({ ...plain, auth: yield* auth }))
  const usual = fibers("usual", yield* get({}))
  const cache = fibers("cache", yield* get(plain, true))

  const result = yield* Effect.promise(() =>
    measured(scale, { requests: scale.count(6_000), concurrency: 50, rounds: 11 }, [
      base,
      all,
      cookies,
      redirects,
      digest,
      usual,
      cache
    ])
  )
  const against = result(base)
  return [
    row("CPU per request", "cookies, redirects and auth, not met", result(all), against, {
      relation: "<=",
      must: 1.1,
      aim: 1.05
    }),
    row("CPU per request", "a cache, not met", result(cache), against, { relation: "<=", must: 1.1, aim: 1.05 }),
    row("CPU per request", "cookies of another host alone", result(cookies), against),
    row("CPU per request", "redirects alone", result(redirects), against),
    row("CPU per request", "digest alone", result(digest), against),
    row("CPU per request", "a session without options", result(usual), against)
  ]
})

export const measure: Measure = (scale) => Effect.runPromise(Effect.scoped(rows(scale)))
