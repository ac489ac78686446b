import * as Effect from "effect/Effect"
import type { HttpServerRequest } from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import type * as Scope from "effect/Scope"
import { type GreenPool, type PoolOptionError, RunInPool } from "green-pool"
import type { IncomingMessage, ServerResponse } from "node:http"
import { expectTypeOf, it } from "vitest"

type Opened<A> = Effect.Effect<A, PoolOptionError, Scope.Scope>

it("node gives a listener for node:http", () => {
  expectTypeOf(RunInPool.node((_, response) => response.end())).toEqualTypeOf<
    Opened<((request: IncomingMessage, response: ServerResponse) => void) & RunInPool.InPool>
  >()
})

it("fetch gives a handler with the arguments of the handlers", () => {
  const handler = async (_: Request, name: string): Promise<Response | undefined> => new Response(name)
  type Expected = Opened<((request: Request, name: string) => Promise<Response>) & RunInPool.InPool>
  expectTypeOf(RunInPool.fetch(handler)).toEqualTypeOf<Expected>()
  expectTypeOf(RunInPool.fetch([handler, handler])).toEqualTypeOf<Expected>()
})

it("effect keeps the errors and the services of the app, and needs the request", () => {
  const app = Effect.succeed(HttpServerResponse.empty()) as Effect.Effect<
    HttpServerResponse.HttpServerResponse,
    "error",
    "service"
  >
  expectTypeOf(RunInPool.effect(app)).toEqualTypeOf<
    Opened<
      Effect.Effect<HttpServerResponse.HttpServerResponse, "error", "service" | HttpServerRequest> & RunInPool.InPool
    >
  >()
})

it("a pool is given, or its options, not both", () => {
  void ((pool: GreenPool.GreenPool<"fail">) => RunInPool.node(() => {}, { pool, capacity: 1 }))
  // @ts-expect-error -- whose would they be?
  void ((pool: GreenPool.GreenPool<"fail">) => RunInPool.node(() => {}, { pool, maxWorkers: 1 }))
  // @ts-expect-error -- there is no such option
  void (() => RunInPool.node(() => {}, { workers: 1 }))
})
