/** The wire driver against a real server: scripts, COPY, pauses, what the server says by itself, and the end. */
import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { Protocol } from "green-core"
import { PgError } from "../../src/PgError.ts"
import type { Driver } from "../../src/internal/Driver.ts"
import { takeOver } from "../../src/internal/wire/takeOver.ts"
import * as PgTypes from "../../src/PgTypes.ts"
import { sharedServer, terminate } from "../support/postgres.ts"
import { ask, connected, libpq, settings, step } from "./connected.ts"
import { connect, Events, query, type Recorder, script, settle } from "./drive.ts"

const codeOf = (exchange: Recorder): string | undefined =>
  exchange.error?.code ?? exchange.error?.reason._tag ?? exchange.completion?.command

layer(sharedServer)("the wire driver", (it) => {
  it.effect("runs the statements of a script, and none behind one that fails; its values are text", () =>
    Effect.gen(function* () {
      const driver = yield* connected()
      const asked = script("select 1 as a, null as b; create temp table s (a int); select 1/0; select 2")
      yield* ask(driver, asked)
      assert.deepStrictEqual(
        asked.heard.map((each) => (typeof each === "object" && "error" in each ? each.error.code : each)),
        [
          { rows: [{ a: "1", b: null }], columns: ["a", "b"] },
          { complete: "SELECT 1" },
          { complete: "CREATE TABLE 0" },
          "22012",
          "end"
        ]
      )
    })
  )

  it.effect("knows the state of the transaction", () =>
    Effect.gen(function* () {
      const driver = yield* connected()
      const states: Array<string> = [driver.transaction]
      for (const sql of ["begin", "select 1/0", "rollback"]) {
        const asked = query(sql)
        driver.send(asked)
        states.push(driver.transaction)
        yield* step(() => settle(driver, [asked]))
        states.push(driver.transaction)
      }
      assert.deepStrictEqual(states, ["idle", "active", "in transaction", "active", "failed", "active", "idle"])
      driver.close()
      assert.strictEqual(driver.transaction, "unknown")
    })
  )

  it.effect("hears notices, notifications and parameters", () =>
    Effect.gen(function* () {
      const events = new Events()
      const driver = yield* connected(events)
      assert.match(driver.parameterStatus("server_version") ?? "", /^\d+/)
      assert.strictEqual(driver.parameterStatus("no such parameter"), undefined)
      yield* ask(
        driver,
        script("do $$ begin raise warning 'careful' using errcode = '01234'; end $$"),
        script("listen wire_news; notify wire_news, 'something'"),
        query("set application_name = 'renamed'")
      )
      assert.deepStrictEqual(
        events.notices.map(({ code, message, severity }) => [severity, code, message]),
        [["WARNING", "01234", "careful"]]
      )
      assert.deepStrictEqual(events.notifications, [
        { channel: "wire_news", payload: "something", processId: driver.processId }
      ])
      assert.strictEqual(driver.parameterStatus("application_name"), "renamed")
    })
  )

  it.effect("hands out rows in chunks, and none while the exchange is paused", () =>
    Effect.gen(function* () {
      const driver = yield* connected()
      const asked = query("select repeat('x', 1000) as x from generate_series(1, 10000)", [], { chunk: 300 })
      const behind = query("select 1 as a")
      asked.react = () => (asked.paused = true)
      driver.send(asked)
      driver.send(behind)
      yield* step(function* () {
        for (;;) {
          yield Protocol.request(driver.socket, driver.flush() ? "read" : "readwrite")
          driver.receive()
          driver.deliver()
          while (driver.paused) {
            const heard = asked.heard.length
            for (let tries = 0; tries < 5; tries++) {
              assert.strictEqual(driver.receive(), undefined)
              driver.deliver()
            }
            assert.strictEqual(asked.heard.length, heard)
            assert.isFalse(behind.ended)
            asked.paused = false
            driver.deliver()
          }
          if (behind.ended) return
        }
      })
      assert.deepStrictEqual(
        asked.heard.flatMap((each) => (typeof each === "object" && "rows" in each ? [each.rows.length] : [])),
        [...Array.from({ length: 33 }, () => 300), 100]
      )
      assert.deepStrictEqual(behind.rows, [{ a: 1 }])
    })
  )

  it.effect("reads a row that is larger than any buffer", () =>
    Effect.gen(function* () {
      const driver = yield* connected()
      const asked = query("select $1 as text", ["ü".repeat(5_000_000)])
      yield* ask(driver, query("select 1"), asked, query("select 2"))
      assert.deepStrictEqual(asked.rows, [{ text: "ü".repeat(5_000_000) }])
    })
  )

  it.effect("a value that cannot be read fails its query, and that alone", () =>
    Effect.gen(function* () {
      const functions = yield* libpq
      const handle = yield* Effect.flatMap(settings, (options) => step(() => connect(functions, options)))
      const types = PgTypes.make()
      const failing = () => Result.fail(new PgTypes.CodecError({ message: "not today" }))
      types.register(23, { encode: failing, decode: failing })
      const driver: Driver = yield* step(() => takeOver(functions, handle, types, new Events()))
      const asked = query("select true as good, n as bad from generate_series(1, 1000) n", [], { chunk: 10 })
      const behind = query("select 'fine' as a")
      yield* ask(driver, asked, behind)
      assert.deepStrictEqual(asked.error?.reason._tag === "UnreadableValue" && asked.error.reason.column, "bad")
      assert.match(asked.error?.message ?? "", /not today.*23/)
      assert.deepStrictEqual([asked.completion, asked.ended], [undefined, true])
      assert.deepStrictEqual(behind.rows, [{ a: "fine" }])
      driver.close()
    })
  )

  it.effect("sends nothing of a request that cannot be encoded", () =>
    Effect.gen(function* () {
      const driver = yield* connected()
      const good = query("select 1 as a")
      driver.send(good)
      for (const [wrong, subject] of [
        [query("select '\0'"), "the SQL text"],
        [script("select '\0'"), "the SQL text"],
        [query("select '\ud800'"), "the SQL text"],
        [query("select $1", ["a\0b"]), "parameter $1"],
        [query("select $1, $2", [1, PgTypes.int4(Number.MAX_SAFE_INTEGER)]), "parameter $2"],
        [
          query(
            "select 1",
            Array.from({ length: 65536 }, () => 1)
          ),
          "65536 parameters"
        ]
      ] as const) {
        try {
          driver.send(wrong)
          assert.fail("it was sent")
        } catch (thrown) {
          assert.isTrue(thrown instanceof PgError)
          assert.isTrue(
            thrown instanceof PgError && thrown.reason._tag === "InvalidInput" && thrown.reason.subject === subject,
            String(thrown)
          )
        }
      }
      assert.strictEqual(driver.outstanding, 1)
      yield* step(() => settle(driver, [good]))
      const after = query("select 2 as a")
      yield* ask(driver, after)
      assert.deepStrictEqual([...good.rows, ...after.rows], [{ a: 1 }, { a: 2 }])
    })
  )

  it.effect("takes data of a COPY as fast as they are sent, and gives them back row by row", () =>
    Effect.gen(function* () {
      const driver = yield* connected()
      yield* ask(driver, script("create temp table c (n int, t text)"))
      const rows = 50_000
      const data = Buffer.from(Array.from({ length: rows }, (_, n) => `${n}\t${"x".repeat(200)}\n`).join(""))
      const copied = script("copy c from stdin")
      let refused = 0
      driver.send(copied)
      yield* step(function* () {
        let at = 0
        let begun = false
        copied.react = () => (begun = true)
        while (!copied.ended) {
          yield Protocol.request(driver.socket, driver.flush() && !(begun && at < data.length) ? "read" : "readwrite")
          const lost = driver.receive()
          if (lost !== undefined) throw lost
          driver.deliver()
          while (begun && at < data.length) {
            if (!driver.copyData(data.subarray(at, at + 100_000))) {
              refused++
              break
            }
            at += 100_000
            if (at >= data.length) driver.copyEnd(undefined)
          }
        }
      })
      assert.strictEqual(copied.completion?.rowCount, rows)
      assert.isAbove(refused, 0)
      const out = script("copy c to stdout")
      yield* ask(driver, out)
      assert.strictEqual(
        out.heard.map((each) => (typeof each === "object" && "data" in each ? each.data : "")).join(""),
        data.toString()
      )
      assert.strictEqual(out.pieces.length, rows)
      // Nothing was overwritten by what came later.
      assert.isTrue(Buffer.concat(out.pieces).equals(data))
    })
  )

  it.effect("is usable after a COPY that failed on either side", () =>
    Effect.gen(function* () {
      const driver = yield* connected()
      yield* ask(driver, script("create temp table c (n int)"))
      const given = script("copy c from stdin; select 1")
      given.react = (heard) => {
        if (typeof heard !== "object" || !("copy" in heard)) return
        assert.isTrue(driver.copyData(Buffer.from("1\n")))
        assert.isTrue(driver.copyEnd("changed my mind"))
      }
      yield* ask(driver, given)
      assert.strictEqual(codeOf(given), "57014")
      assert.match(given.error?.message ?? "", /changed my mind/)
      const wrong = script("copy c from stdin")
      wrong.react = (heard) => {
        if (typeof heard === "object" && "copy" in heard) driver.copyData(Buffer.from("no number\n".repeat(10_000)))
      }
      yield* ask(driver, wrong)
      assert.strictEqual(codeOf(wrong), "22P02")
      assert.isTrue(driver.copyData(Buffer.from("ignored\n")) && driver.copyEnd(undefined))
      const after = query("select count(*) as n from c")
      yield* ask(driver, after)
      assert.deepStrictEqual(after.rows, [{ n: 0n }])
    })
  )

  it.effect("refuses a COPY that came as a query, and goes on", () =>
    Effect.gen(function* () {
      const driver = yield* connected()
      yield* ask(driver, script("create temp table c as select 1 as n"))
      for (const sql of ["copy c to stdout", "copy c from stdin"]) {
        const asked = query(sql)
        yield* ask(driver, asked)
        assert.strictEqual(codeOf(asked), "Unsupported")
      }
      const after = query("select count(*) as n from c")
      yield* ask(driver, after)
      assert.deepStrictEqual(after.rows, [{ n: 1n }])
    })
  )

  it.effect("a client_encoding that is not UTF-8 ends the connection rather than garble texts", () =>
    Effect.gen(function* () {
      const driver = yield* connected()
      const error = yield* Effect.flip(ask(driver, script("set client_encoding to latin1")))
      assert.strictEqual(error.reason._tag, "Unsupported")
      assert.match(error.message, /LATIN1/)
    })
  )

  it.effect("a backend that is terminated loses the connection with its last word, and what came before is heard", () =>
    Effect.gen(function* () {
      const driver = yield* connected()
      const before = query("select 1 as a")
      const killed = query("select pg_terminate_backend(pg_backend_pid())")
      const error = yield* Effect.flip(ask(driver, before, killed))
      assert.deepStrictEqual(before.rows, [{ a: 1 }])
      assert.strictEqual(error.reason._tag, "ConnectionLost")
      assert.strictEqual(error.code, "57P01")
      assert.isFalse(killed.ended)
      driver.fail(error)
      assert.strictEqual(killed.error, error)
      assert.deepStrictEqual([killed.ended, driver.outstanding, driver.transaction], [true, 0, "unknown"])
    })
  )

  it.effect("one look finds out that the server has gone while nothing was asked", () =>
    Effect.gen(function* () {
      const driver = yield* connected()
      yield* terminate(driver.processId)
      const lost = yield* step(function* () {
        yield Protocol.request(driver.socket, "read")
        return driver.receive()
      })
      assert.strictEqual(lost?.code, "57P01")
      driver.close()
      driver.close()
      assert.strictEqual(driver.receive(), lost)
      assert.isTrue(driver.flush())
    })
  )
})
