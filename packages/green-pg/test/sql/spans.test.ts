/** The spans of statements and transactions. */
import { assert, describe, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as SqlClient from "effect/sql/SqlClient"
import * as Tracer from "effect/Tracer"
import { PostgresServer } from "green-pg/testing"
import { clientLayer, Database, makeSql, variants } from "./support/client.ts"

/** The spans of an Effect, in the order in which they began. */
const spansOf = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.suspend(() => {
    const spans: Array<Tracer.NativeSpan> = []
    const tracer = Tracer.make({
      span: (options) => {
        const span = new Tracer.NativeSpan(options)
        spans.push(span)
        return span
      }
    })
    return Effect.as(Effect.exit(Effect.provideService(effect, Tracer.Tracer, tracer)), spans)
  })

const attributesOf = (span: Tracer.NativeSpan | undefined) => Object.fromEntries(span?.attributes ?? [])

const exitOf = (span: Tracer.NativeSpan | undefined) =>
  span?.status._tag === "Ended" ? span.status.exit._tag : span?.status._tag

describe.each(variants)("spans ($driver, multiplex: $multiplex)", (variant) => {
  layer(clientLayer(variant, { spanAttributes: { team: "blue" } }), { excludeTestServices: true })((it) => {
    it.effect("of a statement say what was asked, of which database, and how it ended", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const { name, options } = yield* Database
        const [span, ...more] = yield* spansOf(sql`SELECT ${"private"} AS text`)
        assert.lengthOf(more, 0)
        assert.strictEqual(span?.kind, "client")
        assert.strictEqual(span?.name, name)
        assert.strictEqual(exitOf(span), "Success")
        assert.deepInclude(attributesOf(span), {
          team: "blue",
          "db.system.name": "postgresql",
          "db.namespace": name,
          "db.user": "postgres",
          "server.address": options.host,
          "server.port": options.port,
          "db.query.text": "SELECT $1 AS text",
          "effect.sql.method": "execute"
        })
        assert.notInclude(JSON.stringify(attributesOf(span)), "private")
        const [failed] = yield* spansOf(sql`SELECT nope`)
        assert.strictEqual(exitOf(failed), "Failure")
        const [streamed] = yield* spansOf(Stream.runDrain(sql`SELECT 1`.stream))
        assert.deepInclude(attributesOf(streamed), { "effect.sql.method": "executeStream" })
      })
    )

    it.effect("of a transaction are around those of its statements", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const { name } = yield* Database
        const [transaction, statement] = yield* spansOf(sql.withTransaction(sql`SELECT 1`))
        assert.strictEqual(transaction?.name, "sql.transaction")
        assert.deepInclude(attributesOf(transaction), { "db.system.name": "postgresql", "db.namespace": name })
        assert.strictEqual(Option.getOrUndefined(statement?.parent ?? Option.none()), transaction)
        assert.deepStrictEqual(
          transaction?.events.map(([name]) => name),
          ["effect.sql.transaction.commit"]
        )
      })
    )

    it.effect("show no password, whatever the address was given as", () =>
      Effect.gen(function* () {
        const server = yield* PostgresServer
        const url = `postgresql://scram_user:secret@${server.host}:${server.port}/postgres`
        const sql = yield* makeSql({
          ...variant,
          url,
          host: undefined,
          port: undefined,
          username: undefined,
          database: undefined
        })
        const [span] = yield* spansOf(sql`SELECT 1`)
        assert.deepInclude(attributesOf(span), {
          "db.namespace": "postgres",
          "db.user": "scram_user",
          "server.address": server.host,
          "server.port": server.port
        })
        assert.notInclude(JSON.stringify(attributesOf(span)), "secret")
      })
    )
  })
})
