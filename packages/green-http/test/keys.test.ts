/** Names that are names of JavaScript's objects too are data, wherever they come from. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Layer from "effect/Layer"
import { CassetteExchange, Cookies, GreenHttp, MemoryExchange, UndiciExchange } from "green-http"
import * as EffectHttp from "green-http/EffectHttp"
import * as Path from "node:path"
import { directory } from "./support/directory.ts"
import { serve, serveRaw } from "./support/server.ts"

const over = Effect.provide(UndiciExchange.layer())

const names = ["__proto__", "constructor", "toString", "hasOwnProperty", "valueOf"]
const record = Object.fromEntries(names.map((name, index) => [name, String(index)]))
const pairs = names.map((name, index): [string, string] => [name, String(index)])
const fields = pairs.map(([name, value]) => `${name}: ${value}`)

/** Those of the header fields that are asked about. */
const those = (headers: Iterable<readonly [string, string]>) =>
  [...headers].filter(([name]) => names.some((each) => each.toLowerCase() === name.toLowerCase()))
const inLowerCase = pairs.map(([name, value]): [string, string] => [name.toLowerCase(), value])

const untouched = Effect.sync(() => {
  const plain: Record<string, unknown> = {}
  for (const name of names) assert.isFalse(Object.hasOwn(plain, name))
  assert.strictEqual(Object.getPrototypeOf(plain), Object.prototype)
  assert.isUndefined(plain["0"])
})

describe("__proto__ and the like are data", () => {
  it.live("as names of header fields, of requests, of sessions, of responses and of trailers", () =>
    Effect.gen(function* () {
      let head = ""
      const server = yield* serveRaw((socket, request) => {
        head = request
        const lines = [...fields, "Transfer-Encoding: chunked", "", "2", "ok", "0", ...fields, "", ""]
        socket.write(["HTTP/1.1 200 OK", ...lines].join("\r\n"))
      })
      const sessions: ReadonlyArray<readonly [GreenHttp.SessionOptions, GreenHttp.RequestOptions]> = [
        [{ headers: record }, {}],
        [{}, { headers: record }],
        [{}, { headers: pairs }],
        [{ headers: Object.fromEntries(names.map((name) => [name, "other"])) }, { headers: record }]
      ]
      for (const [options, asked] of sessions) {
        const http = yield* GreenHttp.make({ ...options, baseUrl: server.url })
        const response = yield* http.get("/", asked)
        const sent = head.split("\r\n").filter((line) => names.some((name) => line.startsWith(`${name}:`)))
        assert.sameMembers(sent, fields)
        assert.deepStrictEqual(those(Object.entries(response.headers)), inLowerCase)
        assert.strictEqual(yield* response.text, "ok")
        assert.deepStrictEqual(Object.entries(response.trailers), inLowerCase)
      }
      yield* untouched
    }).pipe(over)
  )

  it.effect("as names of parameters, of forms, of json and of parts", () =>
    Effect.gen(function* () {
      const app = MemoryExchange.layer(async (request) => {
        const type = request.headers.get("content-type") ?? ""
        const body = type.includes("form") ? [...(await request.formData())] : await request.text()
        return Response.json({ params: [...new URL(request.url).searchParams], body })
      })
      const http = yield* Effect.provide(GreenHttp.make({ baseUrl: "http://app.test" }), app)
      const told = (options: GreenHttp.RequestOptions) =>
        Effect.flatMap(http.post("/", options), (response) => response.json)
      assert.deepStrictEqual(yield* told({ params: record }), { params: pairs, body: "" })
      assert.deepStrictEqual(yield* told({ form: record }), { params: [], body: pairs })
      assert.deepStrictEqual(yield* told({ json: record }), { params: [], body: JSON.stringify(record) })
      const form = new FormData()
      for (const [name, value] of pairs) form.set(name, value)
      const parts = pairs.map(([name, content]) => ({ name, content }))
      for (const multipart of [form, parts]) {
        assert.deepStrictEqual(yield* told({ multipart }), { params: [], body: pairs })
      }
      yield* untouched
    })
  )

  it.effect("as keys of json that comes: they are own, and change no prototype", () =>
    Effect.gen(function* () {
      const app = MemoryExchange.layer(() => new Response(`{"__proto__":{"polluted":1},"constructor":2}`))
      const http = yield* Effect.provide(GreenHttp.make({ baseUrl: "http://app.test" }), app)
      const json = yield* Effect.flatMap(http.get("/"), (response) => response.json)
      assert.isTrue(typeof json === "object" && json !== null && Object.hasOwn(json, "__proto__"))
      assert.notProperty({}, "polluted")
      yield* untouched
    })
  )

  it.live("as names and paths of cookies, also of a jar that was serialised", () =>
    Effect.gen(function* () {
      const server = yield* serve((request, response) => {
        if (request.url === "/set") {
          const path = names.map((name) => `path=1; Path=/${name}`)
          response.setHeader("set-cookie", [...pairs.map(([name, value]) => `${name}=${value}; Path=/`), ...path])
        }
        response.end(request.headers.cookie)
      })
      const http = yield* GreenHttp.make({ baseUrl: server.url })
      yield* http.get("/set")
      const again = yield* GreenHttp.make({
        baseUrl: server.url,
        cookies: Cookies.make(JSON.parse(JSON.stringify(http.cookies?.toJSON())))
      })
      const all = pairs.map(([name, value]) => `${name}=${value}`)
      for (const session of [http, again]) {
        const sent = (path: string) =>
          Effect.map(
            Effect.flatMap(session.get(path), ({ text }) => text),
            (cookie) => cookie.split("; ")
          )
        assert.sameMembers(yield* sent("/"), all)
        for (const name of names) assert.sameMembers(yield* sent(`/${name}`), [...all, "path=1"])
      }
      yield* untouched
    }).pipe(over)
  )

  it.live("in a cassette: in its file, in what is matched and in what is redacted", () =>
    Effect.gen(function* () {
      const path = Path.join(yield* directory, "__proto__.json")
      const options: CassetteExchange.CassetteOptions = {
        match: ["method", "url", "body", ...names.map((name): CassetteExchange.Rule => `header:${name}`)],
        redactHeaders: ["__proto__"],
        redactParameters: ["__proto__"]
      }
      const app = MemoryExchange.layer(async (request) => new Response(await request.text(), { headers: pairs }))
      const ask = Effect.gen(function* () {
        const http = yield* GreenHttp.make({ baseUrl: "http://app.test" })
        const response = yield* http.post("/", { params: record, headers: record, json: record })
        return [those(Object.entries(response.headers)), yield* response.json] as const
      })
      const [headers, json] = yield* Effect.provide(ask, Layer.provide(CassetteExchange.record(path, options), app))
      assert.sameDeepMembers(headers, inLowerCase)
      const [played, again] = yield* Effect.provide(ask, CassetteExchange.play(path, options))
      assert.sameDeepMembers(
        played,
        inLowerCase.map(([name, value]): [string, string] => [name, name === "__proto__" ? "REDACTED" : value])
      )
      assert.deepStrictEqual(again, json)
      yield* untouched
    })
  )

  it.effect("through effect/http", () =>
    Effect.gen(function* () {
      const app = MemoryExchange.layer((request) => Response.json(those(request.headers), { headers: pairs }))
      const client = yield* Effect.provide(GreenHttp.make(), app).pipe(Effect.map(EffectHttp.toClient))
      const request = HttpClientRequest.get("http://app.test/").pipe(HttpClientRequest.setHeaders(pairs))
      const response = yield* Effect.provideService(HttpClient.execute(request), HttpClient.HttpClient, client)
      const [sent, received] = [yield* response.json, those(Object.entries(response.headers))]
      for (const each of [sent, received]) assert.sameDeepMembers(Array.isArray(each) ? each : [], inLowerCase)
      yield* untouched
    })
  )
})
