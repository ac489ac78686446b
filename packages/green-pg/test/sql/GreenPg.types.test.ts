/** What TypeScript infers and refuses for the client. */
// @effect-diagnostics floatingEffect:off missingEffectContext:off missingEffectError:off
import { PgClient } from "@effect/sql-pg/PgClient"
import { describe, expectTypeOf, it } from "@effect/vitest"
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as SqlClient from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
import type { FdIo, Wait, WaitFd } from "green-core"
import { GreenPg, type Libpq, PgConnection, type PgError, PgPool } from "green-pg"

/** What it takes to speak with a server: a library, and ways of waiting. */
type Operations = Libpq | Wait | WaitFd | FdIo

/** Looked at, and never called. */
const look = (_: () => void): void => {}

describe("the layers", () => {
  it("give the SqlClient, the PgClient and the pool, and leave the operations to the application", () => {
    look(() => {
      const layer = GreenPg.layer({ url: "postgresql://localhost/app" })
      expectTypeOf(layer).toEqualTypeOf<Layer.Layer<SqlClient.SqlClient | PgClient | PgPool, SqlError, Operations>>()
      expectTypeOf(GreenPg.layerConfig({ url: Config.Redacted("DATABASE_URL") })).toEqualTypeOf<
        Layer.Layer<SqlClient.SqlClient | PgClient | PgPool, SqlError | Config.ConfigError, Operations>
      >()
      expectTypeOf(PgPool.layer({})).toEqualTypeOf<Layer.Layer<PgPool, PgError, Operations>>()
      expectTypeOf(PgConnection.make({})).toEqualTypeOf<
        Effect.Effect<PgConnection["Service"], PgError, Operations | Scope.Scope>
      >()
    })
  })

  it("take the options that there are, of the types that they have", () => {
    look(() => {
      // @ts-expect-error
      GreenPg.layer({ hosts: "localhost" })
      // @ts-expect-error
      GreenPg.layer({ multiplex: "yes" })
      // @ts-expect-error
      GreenPg.layer({ driver: "pg" })
      // @ts-expect-error
      GreenPg.layer({ transformResultNames: 1 })
      // @ts-expect-error
      GreenPg.layerConfig({ url: Config.Int("PORT") })
      GreenPg.layer({ multiplex: 8, driver: "libpq", ssl: "verify-full", password: Effect.succeed("token") })
    })
  })
})

describe("a statement", () => {
  it("has rows of the type that is said, and fails with SqlError", () => {
    look(() => {
      const program = Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        return yield* sql<{ readonly id: number }>`SELECT 1 AS id`
      })
      expectTypeOf(program).toEqualTypeOf<
        Effect.Effect<ReadonlyArray<{ readonly id: number }>, SqlError, SqlClient.SqlClient>
      >()
    })
  })
})

describe("a transaction", () => {
  it("keeps the value and the error of what is in it", () => {
    look(() => {
      const body: Effect.Effect<number, "mine"> = Effect.succeed(1)
      expectTypeOf(body.pipe(GreenPg.withTransaction({ isolationLevel: "serializable" }))).toEqualTypeOf<
        Effect.Effect<number, "mine" | SqlError, SqlClient.SqlClient>
      >()
      // @ts-expect-error: PostgreSQL has it, and does not keep it.
      GreenPg.withTransaction({ isolationLevel: "read uncommitted" })
    })
  })
})

describe("a borrowed connection", () => {
  it("adds the pool's error to what is done with it", () => {
    look(() => {
      const pool = PgPool.use((pool) => pool.use(() => Effect.fail("mine" as const)))
      expectTypeOf(pool).toEqualTypeOf<Effect.Effect<never, "mine" | PgError, PgPool>>()
    })
  })
})

describe("the PgClient", () => {
  it("is that of @effect/sql-pg", () => {
    look(() => {
      expectTypeOf(PgClient.use((sql) => sql.notify("channel", "payload"))).toEqualTypeOf<
        Effect.Effect<void, SqlError, PgClient>
      >()
    })
  })
})
