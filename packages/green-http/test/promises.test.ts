import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { GreenHttp, HttpError, MemoryExchange, UndiciExchange } from "green-http"
import { expectTypeOf } from "vitest"
import { serve } from "./support/server.ts"

describe("a session that gives promises", () => {
  const app = MemoryExchange.layer((request) => {
    const { pathname } = new URL(request.url)
    if (pathname === "/never") return new Promise<Response>(() => {})
    return pathname === "/missing" ? new Response("no", { status: 404 }) : Response.json({ pathname })
  })

  it("has the same methods, and the body as promises", async () => {
    await using http = await GreenHttp.promises(app, { baseUrl: "http://app.test" })
    expectTypeOf(http.green).toEqualTypeOf<false>()
    assert.isFalse(http.green)
    const response = await http.get("/page")
    assert.deepStrictEqual(
      [response.status, response.ok, response.headers["content-type"]],
      [200, true, "application/json"]
    )
    assert.deepStrictEqual(await response.json(), { pathname: "/page" })
    assert.strictEqual(await response.text(), '{"pathname":"/page"}')
    const streamed = await http.post("/stream", { body: "x" })
    assert.strictEqual(await new Response(streamed.body).text(), '{"pathname":"/stream"}')
  })

  it("rejects with HttpError, and is aborted by a signal", async () => {
    await using http = await GreenHttp.promises(app, { baseUrl: "http://app.test" })
    const error: unknown = await http
      .get("/missing")
      .then((response) => response.raiseForStatus())
      .catch((error: unknown) => error)
    assert.instanceOf(error, HttpError)
    assert.deepStrictEqual(error.reason, { _tag: "Status", status: 404 })
    const controller = new AbortController()
    const never = http.get("/never", { signal: controller.signal })
    controller.abort()
    assert.isTrue(
      await never.then(
        () => false,
        () => true
      )
    )
  })

  it("that cannot be made leaves nothing open", async () => {
    const error: unknown = await GreenHttp.promises(app, { baseUrl: "nowhere" }).catch((error: unknown) => error)
    assert.instanceOf(error, HttpError)
  })

  it.live("lets go of bodies that nobody has read when it is closed", () =>
    Effect.gen(function* () {
      const server = yield* serve((_, response) => {
        response.write(Buffer.alloc(500_000))
      })
      yield* Effect.gen(function* () {
        const http = yield* GreenHttp.make({ baseUrl: server.url, green: false })
        expectTypeOf(http).toEqualTypeOf<GreenHttp.PromiseHttp>()
        const response = yield* Effect.promise(() => http.get("/"))
        assert.strictEqual(response.status, 200)
        assert.strictEqual(server.open(), 1)
      }).pipe(Effect.scoped)
      yield* Effect.repeat(Effect.sleep(5), { until: () => server.open() === 0 })
    }).pipe(Effect.provide(UndiciExchange.layer()))
  )
})
