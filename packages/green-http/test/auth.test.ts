import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { Auth, GreenHttp, UndiciExchange } from "green-http"
import { createHash } from "node:crypto"
import { writeFileSync } from "node:fs"
import * as Path from "node:path"
import { authorization } from "../src/internal/auth/Digest.ts"
import { directory } from "./support/directory.ts"
import { bodyOf, serve } from "./support/server.ts"

const over = Effect.provide(UndiciExchange.layer())

const field = (header: string, name: string): string =>
  new RegExp(`(?:^|[ ,])${name}=(?:"([^"]*)"|([^", ]*))`)
    .exec(header)
    ?.slice(1)
    .find((each) => each !== undefined) ?? ""

/** What the server makes of a request, from the words of RFC 7616. */
const isRight = (header: string, method: string | undefined, body: string): boolean => {
  const [algorithm, nonce, cnonce, qop] = ["algorithm", "nonce", "cnonce", "qop"].map((name) => field(header, name))
  const kind = algorithm?.startsWith("SHA-512") ? "sha512-256" : algorithm?.startsWith("SHA-256") ? "sha256" : "md5"
  const hash = (text: string) => createHash(kind).update(text).digest("hex")
  let secret = hash(`user:${field(header, "realm")}:pa:ss`)
  if (algorithm?.endsWith("-sess")) secret = hash(`${secret}:${nonce}:${cnonce}`)
  const target = `${method}:${field(header, "uri")}`
  const request = qop === "auth-int" ? hash(`${target}:${hash(body)}`) : hash(target)
  const between = qop === "" ? nonce : `${nonce}:${field(header, "nc")}:${cnonce}:${qop}`
  return field(header, "response") === hash(`${secret}:${between}:${request}`)
}

interface Challenged {
  readonly parameters: string
  /** Added to a response that let somebody in. */
  readonly info?: string
  /** So many requests may have one nonce. */
  readonly uses?: number
}

const digestServer = ({ info, parameters, uses = Infinity }: Challenged) => {
  const seen: Array<string> = []
  let nonce = 1
  let used = 0
  return Effect.map(
    serve(async (request, response) => {
      const body = await bodyOf(request)
      const header = request.headers.authorization
      const known = header !== undefined && field(header, "nonce") === `n${nonce}` && used < uses
      seen.push(header === undefined ? "nobody" : `${field(header, "nonce")} ${field(header, "nc")}`)
      if (known && field(header, "uri") === request.url && isRight(header, request.method, body)) {
        used++
        if (info !== undefined) {
          response.setHeader("authentication-info", info.replace("NEXT", `n${++nonce}`))
          used = 0
        }
        response.end(`in: ${body}`)
        return
      }
      const stale = header !== undefined && used >= uses ? ", stale=true" : ""
      if (stale !== "") nonce++
      used = 0
      const challenge = `Digest realm="realm, of: all", nonce="n${nonce}"${stale}${parameters}`
      response.writeHead(401, { "www-authenticate": ['Negotiate abc==, Basic realm="other"', challenge] }).end("who?")
    }),
    (server) => ({ ...server, seen })
  )
}

describe("digest", () => {
  it("the examples of RFC 7616, 3.9.1", () => {
    const response = (name: string, hash: "md5" | "sha256") =>
      field(
        authorization(
          {
            realm: "http-auth@example.org",
            nonce: "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
            algorithm: { name, hash, session: false },
            qop: "auth",
            opaque: "FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS",
            userhash: false,
            count: 0
          },
          "Mufasa",
          "Circle of Life",
          { method: "GET", target: "/dir/index.html", body: undefined },
          "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"
        ),
        "response"
      )
    assert.strictEqual(response("MD5", "md5"), "8ca523f5e9506fed4657c9700eebdbec")
    assert.strictEqual(
      response("SHA-256", "sha256"),
      "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"
    )
  })

  const kinds = {
    "MD5 with auth": ', qop="auth", algorithm=MD5',
    "MD5 without an algorithm or a qop, as in RFC 2069": "",
    "MD5-sess": ', qop="auth", algorithm=MD5-sess',
    "SHA-256 with auth": ', qop="auth, auth-int", algorithm=SHA-256',
    "SHA-256 with auth-int": ', qop="auth-int", algorithm=SHA-256',
    "SHA-256-sess": ', qop=auth, algorithm="SHA-256-sess"',
    "SHA-512-256": ', qop="auth", algorithm=SHA-512-256, opaque="o"'
  }
  for (const [name, parameters] of Object.entries(kinds)) {
    it.live(`${name}: the first request pays a 401, the next ones do not`, () =>
      Effect.gen(function* () {
        const server = yield* digestServer({ parameters })
        const http = yield* GreenHttp.make({ baseUrl: server.url, auth: yield* Auth.digest("user", "pa:ss") })
        for (const body of ["one", "two"]) {
          const response = yield* http.post("/path?query=1", { body })
          assert.strictEqual(yield* response.text, `in: ${body}`)
        }
        const counts = parameters.includes("qop") ? ["n1 00000001", "n1 00000002"] : ["n1 ", "n1 "]
        assert.deepStrictEqual(server.seen, ["nobody", ...counts])
      }).pipe(over)
    )
  }

  it.live("a stale nonce is replaced, and the next one taken when the server gives it", () =>
    Effect.gen(function* () {
      const parameters = ', qop="auth", algorithm=SHA-256'
      const once = yield* digestServer({ parameters, uses: 1 })
      const next = yield* digestServer({ parameters, info: 'nextnonce="NEXT"' })
      for (const server of [once, next]) {
        const http = yield* GreenHttp.make({
          baseUrl: server.url,
          auth: yield* Auth.digest("user", Redacted.make("pa:ss"))
        })
        for (let round = 0; round < 3; round++) {
          assert.strictEqual((yield* http.get("/")).status, 200)
        }
      }
      assert.deepStrictEqual(next.seen, ["nobody", "n1 00000001", "n2 00000001", "n3 00000001"])
      assert.strictEqual(once.seen.filter((each) => each === "nobody").length, 1)
    }).pipe(over)
  )

  it.live("a wrong password ends in the 401, after one try", () =>
    Effect.gen(function* () {
      const server = yield* digestServer({ parameters: ', qop="auth"' })
      const http = yield* GreenHttp.make({ baseUrl: server.url, auth: yield* Auth.digest("user", "wrong") })
      const response = yield* http.get("/")
      assert.deepStrictEqual([response.status, yield* response.text], [401, "who?"])
      assert.strictEqual(server.seen.length, 2)
    }).pipe(over)
  )
})

describe("basic", () => {
  it.live("a user and a password in the URL are sent as such, and shown nowhere", () =>
    Effect.gen(function* () {
      const server = yield* serve((request, response) => {
        response.end(`${request.url} ${request.headers.host} ${request.headers.authorization}`)
      })
      const http = yield* GreenHttp.make({ auth: Auth.bearer("of the session") })
      const url = new URL("/path", server.url)
      url.username = "us er"
      url.password = "p:ä%"
      const expected = `Basic ${Buffer.from("us er:p:ä%").toString("base64")}`
      const response = yield* http.get(url)
      assert.strictEqual(yield* response.text, `/path ${url.host} ${expected}`)
      assert.strictEqual(response.url, new URL("/path", server.url).href)
      const error = yield* Effect.flip(Effect.flatMap(http.get(url), ({ json }) => json))
      assert.notInclude(error.message, "us%20er")
      const own = yield* http.get(url, { auth: Auth.basic("a", "b") })
      assert.include(yield* own.text, Buffer.from("a:b").toString("base64"))
    }).pipe(over)
  )
})

describe("bearer", () => {
  it.live("a token is fetched when it is needed, once for all that wait, and again after a 401", () =>
    Effect.gen(function* () {
      let valid = "t1"
      let fetched = 0
      const server = yield* serve((request, response) => {
        response.statusCode = request.headers.authorization === `Bearer ${valid}` ? 200 : 401
        response.end()
      })
      const auth = yield* Auth.bearerWith(
        Effect.andThen(
          Effect.sleep(5),
          Effect.sync(() => {
            fetched++
            return Redacted.make(valid)
          })
        )
      )
      const http = yield* GreenHttp.make({ baseUrl: server.url, auth })
      const statuses = Effect.forEach([1, 2, 3], () => Effect.map(http.get("/"), ({ status }) => status), {
        concurrency: "unbounded"
      })
      assert.deepStrictEqual([yield* statuses, fetched], [[200, 200, 200], 1])
      valid = "t2"
      assert.deepStrictEqual([yield* statuses, fetched], [[200, 200, 200], 2])
    }).pipe(over)
  )

  it.live("a token that cannot be fetched is a typed failure, and is fetched anew by the next request", () =>
    Effect.gen(function* () {
      const server = yield* serve((_, response) => response.end("in"))
      let fails = true
      const auth = yield* Auth.bearerWith(Effect.suspend(() => (fails ? Effect.fail("no") : Effect.succeed("t"))))
      const http = yield* GreenHttp.make({ baseUrl: server.url, auth })
      assert.strictEqual((yield* Effect.flip(http.get("/"))).reason._tag, "Refused")
      fails = false
      assert.strictEqual((yield* http.get("/")).status, 200)
    }).pipe(over)
  )
})

describe("netrc", () => {
  it.live("gives the password of the host, of default, or none", () =>
    Effect.gen(function* () {
      const folder = yield* directory
      const server = yield* serve((request, response) => response.end(request.headers.authorization ?? "nobody"))
      const asked = (text: string) =>
        Effect.gen(function* () {
          const path = Path.join(folder, "netrc")
          writeFileSync(path, text)
          const http = yield* GreenHttp.make({ baseUrl: server.url, auth: yield* Auth.netrc({ path }) })
          const answer = yield* Effect.flatMap(http.get("/"), (response) => response.text)
          return answer === "nobody" ? answer : Buffer.from(answer.slice(6), "base64").toString()
        })
      const lines = [
        "# a comment with machine 127.0.0.1",
        "machine other.test login a password b",
        "macdef init",
        "machine 127.0.0.1 login macro password macro",
        "",
        "machine 127.0.0.1 # here",
        '  login "us er"',
        "  account none password p#ss",
        "default login d password e"
      ]
      assert.strictEqual(yield* asked(lines.join("\n")), "us er:p#ss")
      assert.strictEqual(yield* asked("machine other.test login a password b\ndefault login d password e"), "d:e")
      assert.strictEqual(yield* asked("machine other.test login a password b"), "nobody")
      const missing = yield* GreenHttp.make({ auth: yield* Auth.netrc({ path: Path.join(folder, "none") }) })
      assert.strictEqual(yield* Effect.flatMap(missing.get(server.url), ({ text }) => text), "nobody")
    }).pipe(over)
  )
})
