/** What the types of the options promise. */
import type { PgClientConfig } from "@effect/sql-pg/PgClient"
import { describe, expectTypeOf, it } from "@effect/vitest"
import type * as Effect from "effect/Effect"
import type { ConnectOptions } from "../../src/ConnectOptions.ts"
import { attempts } from "../../src/internal/connect/attempts.ts"
import { lookup } from "../../src/internal/connect/lookup.ts"
import { made } from "./support/environment.ts"

describe("the types of the options", () => {
  it("take what @effect/sql-pg takes, under the same names", () => {
    type Shared = "url" | "host" | "port" | "database" | "username" | "password" | "connectTimeout" | "keepAlive"
    type Startup = "applicationName" | "startupParameters" | "startupOptions"
    expectTypeOf<Pick<PgClientConfig, Shared | Startup>>().toExtend<ConnectOptions>()
  })

  it("do not take a boolean for TLS, which says nothing of what is verified", () => {
    expectTypeOf<true>().not.toExtend<ConnectOptions["ssl"]>()
  })

  it("need for a password nothing but itself", () => {
    expectTypeOf<Effect.Effect<string, never, "service">>().not.toExtend<ConnectOptions["password"]>()
  })

  it("attempts need what the lookup needs", () => {
    type Services<X> = X extends Effect.Effect<infer _A, infer _E, infer R> ? R : never
    const real = () => attempts({}, { ...made(), lookup })
    const none = () => attempts({}, made())
    expectTypeOf<Services<ReturnType<typeof none>>>().toBeNever()
    expectTypeOf<Services<ReturnType<typeof real>>>().toEqualTypeOf<Services<ReturnType<typeof lookup>>>()
  })
})
