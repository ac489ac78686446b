/** What the server says by itself: notifications and notices. */
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Queue from "effect/Queue"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { PgConnectionShape } from "green-pg"
import { terminate } from "../support/postgres.ts"
import { eachDriver, reasonOf, until } from "./support/connecting.ts"

const channels = (connection: PgConnectionShape) =>
  Effect.map(connection.queryValues("SELECT pg_listening_channels()"), ({ rows }) => rows.map(([name]) => name))

eachDriver(({ connect, sessions, test }) => {
  test("what is notified after listen has succeeded is heard, in order", () =>
    Effect.gen(function* () {
      const listener = yield* connect()
      const speaker = yield* connect()
      const queue = yield* listener.listen("news")
      for (let number = 0; number < 500; number++) yield* speaker.notify("news", `number ${number}`)
      for (let number = 0; number < 500; number++) {
        assert.deepStrictEqual(yield* Queue.take(queue), {
          channel: "news",
          payload: `number ${number}`,
          processId: speaker.processId
        })
      }
    }))

  test("an idle listener hears without asking", () =>
    Effect.gen(function* () {
      const listener = yield* connect()
      const speaker = yield* connect()
      const heard = yield* Effect.forkChild(Stream.runCollect(Stream.take(listener.notifications("news"), 3)))
      yield* until(sessions, (found) => found.some(({ query }) => query === 'LISTEN "news"'))
      yield* until(
        Effect.andThen(
          speaker.notify("news", "x"),
          Effect.sync(() => heard.pollUnsafe())
        ),
        (exit) => exit !== undefined
      )
      assert.lengthOf(yield* Fiber.join(heard), 3)
    }))

  test("a connection hears itself, while statements run on it", () =>
    Effect.gen(function* () {
      const connection = yield* connect()
      const queue = yield* connection.listen("self")
      const answers = yield* Effect.forEach(
        Array.from({ length: 100 }, (_, index) => index),
        (index) =>
          Effect.andThen(
            connection.notify("self", String(index)),
            connection.query("SELECT $1::int AS index", [index])
          ),
        { concurrency: "unbounded" }
      )
      answers.forEach(({ rows }, index) => assert.deepStrictEqual(rows, [{ index }]))
      const heard = yield* Effect.forEach(answers, () => Queue.take(queue))
      assert.deepStrictEqual(new Set(heard.map(({ payload }) => payload)).size, 100)
    }))

  test("a transaction that is rolled back notifies nobody", () =>
    Effect.gen(function* () {
      const connection = yield* connect()
      const queue = yield* connection.listen("news")
      yield* connection.script("BEGIN; NOTIFY news, 'lost'; ROLLBACK; NOTIFY news, 'kept'")
      assert.strictEqual((yield* Queue.take(queue)).payload, "kept")
    }))

  test("each of several listeners of a channel hears everything, and only its channel", () =>
    Effect.gen(function* () {
      const connection = yield* connect()
      const [one, two, other] = yield* Effect.all([
        connection.listen("news"),
        connection.listen("news"),
        connection.listen("other")
      ])
      yield* connection.notify("news", "a")
      yield* connection.notify("other", "b")
      assert.strictEqual((yield* Queue.take(one)).payload, "a")
      assert.strictEqual((yield* Queue.take(two)).payload, "a")
      assert.strictEqual((yield* Queue.take(other)).payload, "b")
    }))

  test("the server is told to be silent when the last listener has gone", () =>
    Effect.gen(function* () {
      const connection = yield* connect()
      const [first, second] = [yield* Scope.make(), yield* Scope.make()]
      yield* Scope.provide(connection.listen("news"), first)
      const queue = yield* Scope.provide(connection.listen("news"), second)
      assert.deepStrictEqual(yield* channels(connection), ["news"])
      yield* Scope.close(first, Exit.void)
      assert.deepStrictEqual(yield* channels(connection), ["news"])
      yield* connection.notify("news", "still")
      assert.strictEqual((yield* Queue.take(queue)).payload, "still")
      yield* Scope.close(second, Exit.void)
      assert.deepStrictEqual(yield* channels(connection), [])
      yield* Effect.scoped(connection.listen("news"))
      assert.deepStrictEqual(yield* channels(connection), [])
    }))

  test("who listens anew at the moment at which the last has gone hears", () =>
    Effect.gen(function* () {
      const connection = yield* connect()
      for (let round = 0; round < 20; round++) {
        const scope = yield* Scope.make()
        yield* Scope.provide(connection.listen("news"), scope)
        const [, queue] = yield* Effect.all([Scope.close(scope, Exit.void), connection.listen("news")], {
          concurrency: "unbounded"
        })
        yield* connection.notify("news", String(round))
        assert.strictEqual((yield* Queue.take(queue)).payload, String(round))
      }
    }))

  test("a channel may have any name of 1 to 63 bytes", () =>
    Effect.gen(function* () {
      const connection = yield* connect()
      for (const name of [
        "a b",
        'quo"te',
        "'; DROP TABLE x; --",
        "UPPER",
        "ä".repeat(31),
        "x".repeat(63),
        "select",
        "\\",
        "\n"
      ]) {
        yield* Effect.scoped(
          Effect.gen(function* () {
            const queue = yield* connection.listen(name)
            yield* connection.notify(name, name)
            assert.deepInclude(yield* Queue.take(queue), { channel: name, payload: name })
          })
        )
      }
      for (const name of ["", "x".repeat(64), "ä".repeat(32), "a\0b"]) {
        const reason = yield* reasonOf(Effect.scoped(connection.listen(name)))
        assert(reason._tag === "InvalidInput")
      }
      assert.deepStrictEqual(yield* channels(connection), [])
    }))

  test("a payload has fewer than 8000 bytes, and the server refuses more", () =>
    Effect.gen(function* () {
      const connection = yield* connect()
      const queue = yield* connection.listen("news")
      const payloads = ["", "x".repeat(7999), "ä".repeat(3999), "🎉"]
      for (const payload of payloads) {
        yield* connection.notify("news", payload)
        assert.strictEqual((yield* Queue.take(queue)).payload, payload)
      }
      assert.strictEqual((yield* Effect.flip(connection.notify("news", "x".repeat(8000)))).code, "22023")
      assert.strictEqual((yield* Effect.flip(connection.notify("x".repeat(64)))).code, "22023")
      yield* connection.notify("news")
      assert.strictEqual((yield* Queue.take(queue)).payload, "")
    }))

  test("a slow listener keeps nobody up, and misses nothing", () =>
    Effect.gen(function* () {
      const connection = yield* connect()
      const queue = yield* connection.listen("news")
      yield* connection.query("SELECT pg_notify('news', n::text) FROM generate_series(1, 20000) AS n")
      assert.deepStrictEqual((yield* connection.query("SELECT 1 AS one")).rows, [{ one: 1 }])
      const heard: Array<string> = []
      for (let number = 0; number < 20000; number++) heard.push((yield* Queue.take(queue)).payload)
      assert.deepStrictEqual(
        heard,
        Array.from({ length: 20000 }, (_, index) => String(index + 1))
      )
    }))

  test("what comes while rows are streamed, or data copied, is heard", () =>
    Effect.gen(function* () {
      const connection = yield* connect()
      const speaker = yield* connect()
      const queue = yield* connection.listen("news")
      yield* Stream.runForEachArray(connection.stream("SELECT n FROM generate_series(1, 5000) AS n"), () =>
        speaker.notify("news", "while streaming")
      )
      assert.strictEqual((yield* Queue.take(queue)).payload, "while streaming")
    }))

  test("a listener in a transaction hears after its end", () =>
    Effect.gen(function* () {
      const connection = yield* connect()
      const queue = yield* connection.listen("news")
      yield* Effect.scoped(
        Effect.gen(function* () {
          const held = yield* connection.hold
          yield* held.query("BEGIN")
          yield* held.notify("news", "later")
          yield* held.query("COMMIT")
        })
      )
      assert.strictEqual((yield* Queue.take(queue)).payload, "later")
    }))

  test("one who listens through a hold goes on after it, until its own scope ends", () =>
    Effect.gen(function* () {
      const connection = yield* connect()
      const scope = yield* Scope.make()
      const queue = yield* Effect.scoped(
        Effect.flatMap(connection.hold, (held) => Scope.provide(held.listen("news"), scope))
      )
      yield* connection.notify("news", "on")
      assert.strictEqual((yield* Queue.take(queue)).payload, "on")
      yield* Scope.close(scope, Exit.void)
      assert.deepStrictEqual(yield* channels(connection), [])
    }))

  test("a connection that is lost fails its queues, idle or not, with the last word of the server", () =>
    Effect.gen(function* () {
      const connection = yield* connect()
      const queue = yield* connection.listen("news")
      const other = yield* connection.listen("other")
      yield* connection.notify("news", "before")
      yield* until(Queue.size(queue), (size) => size === 1)
      yield* terminate(connection.processId)
      assert.strictEqual((yield* Queue.take(queue)).payload, "before")
      for (const each of [queue, other]) {
        const error = yield* Effect.flip(Queue.take(each))
        assert.strictEqual(error.reason._tag, "ConnectionLost")
        assert.strictEqual(error.code, "57P01")
      }
      const late = yield* reasonOf(Effect.scoped(connection.listen("news")))
      assert.strictEqual(late._tag, "ConnectionLost")
    }))

  test("a connection that is closed fails its queues", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const connection = yield* Scope.provide(connect(), scope)
      const queue = yield* connection.listen("news")
      const waiting = yield* Effect.forkChild(Queue.take(queue), { startImmediately: true })
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual((yield* reasonOf(Fiber.join(waiting)))._tag, "Closed")
    }))

  test("notices have the fields that the server sends, and come in order", () =>
    Effect.gen(function* () {
      const connection = yield* connect()
      const heard = yield* Effect.forkChild(Stream.runCollect(Stream.take(connection.notices, 3)), {
        startImmediately: true
      })
      yield* connection.script(`
        DO $$ BEGIN
          RAISE NOTICE 'ä one' USING DETAIL = 'd', HINT = 'h';
          RAISE WARNING 'two' USING ERRCODE = 'GR002';
        END $$`)
      yield* connection.query("DROP TABLE IF EXISTS nowhere_at_all")
      const [one, two, three] = yield* Fiber.join(heard)
      assert.deepInclude(one, { severity: "NOTICE", code: "00000", message: "ä one", detail: "d", hint: "h" })
      assert.deepInclude(two, { severity: "WARNING", code: "GR002", message: "two" })
      assert.deepInclude(three, { severity: "NOTICE", message: 'table "nowhere_at_all" does not exist, skipping' })
    }))

  test("notices that nobody hears are dropped, however many", () =>
    Effect.gen(function* () {
      const connection = yield* connect()
      yield* connection.query("DO $$ BEGIN FOR n IN 1..5000 LOOP RAISE NOTICE 'notice %', n; END LOOP; END $$")
      assert.deepStrictEqual((yield* connection.query("SELECT 1 AS one")).rows, [{ one: 1 }])
    }))

  test("the notices of an error are heard before it", () =>
    Effect.gen(function* () {
      const connection = yield* connect()
      const heard = yield* Effect.forkChild(Stream.runHead(connection.notices), { startImmediately: true })
      const error = yield* Effect.flip(
        connection.query("DO $$ BEGIN RAISE NOTICE 'first'; RAISE EXCEPTION 'second'; END $$")
      )
      assert.strictEqual(error.code, "P0001")
      const notice = yield* Fiber.join(heard)
      assert.deepInclude(notice, { _tag: "Some" })
    }))

  test("a connection that is lost fails the notices", () =>
    Effect.gen(function* () {
      const connection = yield* connect()
      const heard = yield* Effect.forkChild(Stream.runDrain(connection.notices), { startImmediately: true })
      yield* Effect.flip(connection.query("SELECT pg_terminate_backend(pg_backend_pid())"))
      assert.strictEqual((yield* Effect.flip(Fiber.join(heard))).code, "57P01")
    }))
})
