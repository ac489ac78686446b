/** What the tests of Python's requests say of redirects, where no other file says it. See ../requests.md. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { Auth, GreenHttp, MemoryExchange, UndiciExchange } from "green-http"
import { redirecting } from "../support/asked.ts"
import { bodyOf, serve, serveRaw } from "../support/server.ts"

const over = Effect.provide(UndiciExchange.layer())

describe("redirects", () => {
  const seen: Array<string> = []
  const follow = (method: string, url: string, options?: GreenHttp.RequestOptions) =>
    Effect.gen(function* () {
      seen.length = 0
      const http = yield* GreenHttp.make()
      return yield* http.request(method, url, options)
    }).pipe(Effect.provide(redirecting(seen)), Effect.scoped)

  it.effect("change the method as browsers do, and HEAD stays HEAD", () =>
    Effect.gen(function* () {
      const after = (method: string, status: number) =>
        Effect.map(follow(method, `http://app.test/${status}/%2Fend`), (response) => response.method)
      for (const status of [301, 302, 303]) {
        assert.strictEqual(yield* after("POST", status), "GET")
        assert.strictEqual(yield* after("HEAD", status), "HEAD")
        assert.strictEqual(yield* after("PUT", status), status === 303 ? "GET" : "PUT")
      }
      for (const status of [307, 308]) {
        for (const method of ["POST", "HEAD", "PUT"]) assert.strictEqual(yield* after(method, status), method)
      }
    })
  )

  it.live("that drop the body drop what describes it", () =>
    Effect.gen(function* () {
      const server = yield* serve(async (request, response) => {
        if (request.url === "/start") response.writeHead(302, { location: "/end" }).end(await bodyOf(request))
        else response.end(JSON.stringify([request.method, Object.keys(request.headers), await bodyOf(request)]))
      })
      const http = yield* GreenHttp.make({ baseUrl: server.url })
      for (const body of ["text", Stream.encodeText(Stream.make("streamed"))]) {
        const response = yield* http.post("/start", { body, headers: { "content-type": "text/plain" } })
        const expected = ["GET", ["host", "connection", "accept-encoding"], ""]
        assert.deepStrictEqual(yield* response.json, expected)
      }
    }).pipe(over)
  )

  it.effect("keep the fragment, until a Location has one of its own", () =>
    Effect.gen(function* () {
      const first = yield* follow("GET", "http://app.test/302/%2Fend#view=edit")
      assert.strictEqual(first.url, "http://app.test/end#view=edit")
      const location = encodeURIComponent("/302/" + encodeURIComponent("/final-url/") + "#relevant-section")
      const second = yield* follow("GET", `http://app.test/302/${location}#view=edit`)
      assert.deepStrictEqual(
        [...second.history.map(({ url }) => new URL(url).hash), second.url],
        ["#view=edit", "#relevant-section", "http://app.test/final-url/#relevant-section"]
      )
    })
  )

  it.live("go to what is written in UTF-8, without a scheme, relative, or in capitals", () =>
    Effect.gen(function* () {
      const server = yield* serveRaw((socket, head) => {
        const [, path = ""] = head.split(" ")
        const { host } = server.url
        const locations: Record<string, string> = {
          "/1": `//${host}/š`,
          "/2": "end?%ppicture",
          "/3": `HTTP://${host.toUpperCase()}/end`
        }
        const location = locations[path]
        const answer = location === undefined ? "200 OK" : `301 Moved Permanently\r\nLocation: ${location}`
        const body = location === undefined ? path : ""
        socket.write(`HTTP/1.1 ${answer}\r\nContent-Length: ${body.length}\r\n\r\n${body}`)
      })
      const http = yield* GreenHttp.make({ baseUrl: server.url })
      const end = (path: string) => Effect.flatMap(http.get(path), (response) => response.text)
      assert.deepStrictEqual(
        [yield* end("/1"), yield* end("/2"), yield* end("/3")],
        ["/%C5%A1", "/end?%ppicture", "/end"]
      )
    }).pipe(over)
  )

  it.effect("that name no URL are the response", () =>
    Effect.gen(function* () {
      for (const location of ["http://localhost:-1", "https://:443/", "market://details?id=42"]) {
        const response = yield* follow("GET", `http://app.test/302/${encodeURIComponent(location)}`)
        assert.deepStrictEqual([response.status, response.history.length], [302, 0], location)
      }
    })
  )

  it.effect("keep the authorization on the same origin, and nowhere else", () =>
    Effect.gen(function* () {
      const auth = Auth.basic("user", "pass")
      const header = { headers: { authorization: "own" } }
      const last = (from: string, to: string) =>
        Effect.gen(function* () {
          const told: Array<string | undefined> = []
          for (const options of [{ auth }, header]) {
            yield* follow("GET", `${from}/302/${encodeURIComponent(to)}`, options)
            told.push(seen.at(-1)?.split(" ").slice(2).join(" "))
          }
          return told.every((each) => each !== "-") ? "kept" : told.every((each) => each === "-") ? "gone" : "differs"
        })
      assert.strictEqual(yield* last("http://app.test", "/end"), "kept")
      assert.strictEqual(yield* last("http://app.test", "http://app.test:80/end"), "kept")
      assert.strictEqual(yield* last("https://app.test:443", "https://app.test/end"), "kept")
      assert.strictEqual(yield* last("http://app.test", "http://www.app.test/end"), "gone")
      assert.strictEqual(yield* last("https://app.test", "http://app.test/end"), "gone")
      assert.strictEqual(yield* last("http://app.test", "https://app.test/end"), "gone")
      assert.strictEqual(yield* last("http://app.test:1234", "http://app.test:4321/end"), "gone")
    })
  )

  it.effect("that lead back to another origin do not bring the authorization back", () =>
    Effect.gen(function* () {
      const back = encodeURIComponent("http://app.test/end")
      const there = encodeURIComponent(`http://other.test/302/${back}`)
      yield* follow("GET", `http://app.test/302/${there}`, { auth: Auth.basic("user", "pass") })
      assert.deepStrictEqual(
        seen.map((each) => each.split(" ").at(-1)),
        ["dXNlcjpwYXNz", "-", "-"]
      )
    })
  )

  it.effect("twenty are followed, with the whole history, and not one more", () =>
    Effect.gen(function* () {
      const app = MemoryExchange.layer((request) => {
        const left = Number(new URL(request.url).searchParams.get("count"))
        const location = `/?count=${left - 1}`
        return left === 0 ? new Response("end") : new Response(null, { status: 303, headers: { location } })
      })
      const http = yield* Effect.provide(GreenHttp.make({ baseUrl: "http://app.test" }), app)
      const response = yield* http.get("/?count=20")
      assert.deepStrictEqual(
        response.history.map(({ url }) => new URL(url).search),
        Array.from({ length: 20 }, (_, index) => `?count=${20 - index}`)
      )
      const error = yield* Effect.flip(http.get("/?count=21"))
      assert.deepStrictEqual(error.reason, { _tag: "TooManyRedirects", limit: 20 })
    })
  )

  it.live("whose body is not what its Content-Encoding says are followed", () =>
    Effect.gen(function* () {
      const server = yield* serve((request, response) => {
        if (request.url === "/end") response.end("end")
        else response.writeHead(302, { location: "/end", "content-encoding": "gzip" }).end("no gzip")
      })
      const http = yield* GreenHttp.make({ baseUrl: server.url })
      assert.strictEqual(yield* Effect.flatMap(http.get("/"), (response) => response.text), "end")
    }).pipe(over)
  )
})
