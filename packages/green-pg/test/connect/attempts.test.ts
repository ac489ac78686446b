/** One attempt for each address of each host, in order. */
import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Random from "effect/Random"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as TestClock from "effect/testing/TestClock"
import { Green } from "green-core"
import type { ConnectOptions } from "../../src/ConnectOptions.ts"
import { type Attempt, attempts } from "../../src/internal/connect/attempts.ts"
import { lookup } from "../../src/internal/connect/lookup.ts"
import { made, notFound, place, value } from "./support/environment.ts"

const names = { one: ["10.0.0.1"], two: ["10.0.0.2", "fe80::2"], three: ["10.0.0.3"] }

const places = (options: ConnectOptions, ambient: Readonly<Record<string, string>> = {}) =>
  Effect.map(attempts(options, made({ names, ambient })), ({ attempts }) => attempts.map(place))

/** A place that an attempt names twice, once. */
const undoubled = (attempt: Attempt): string =>
  place(attempt)
    .split(" ")
    .map((list) => [...new Set(list.split(","))].join(","))
    .join(" ")

const first = (options: ConnectOptions, ambient: Readonly<Record<string, string>> = {}) =>
  Effect.map(attempts(options, made({ names, ambient })), ({ attempts }) => attempts[0])

describe("hosts", () => {
  it.effect("a name is tried at each of its addresses, and stays the name that TLS verifies", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* places({ host: "two" }), ["two 10.0.0.2 5432", "two fe80::2 5432"])
    })
  )

  it.effect("names are tried in their order, each with its port, or all with the one", () =>
    Effect.gen(function* () {
      const host = ["two", "one"]
      const each = ["two 10.0.0.2 1", "two fe80::2 1", "one 10.0.0.1 2"]
      assert.deepStrictEqual(yield* places({ host, port: [1, 2] }), each)
      assert.deepStrictEqual(yield* places({ url: "host=two,one port=1,2" }), each)
      assert.deepStrictEqual(yield* places({ host: "one,three", port: 7 }), ["one 10.0.0.1 7", "three 10.0.0.3 7"])
      assert.deepStrictEqual(yield* places({ url: "host=one,three port=,8" }), [
        "one 10.0.0.1 5432",
        "three 10.0.0.3 8"
      ])
    })
  )

  it.effect("an address is not looked up, nor is a socket", () =>
    Effect.gen(function* () {
      const host = ["127.0.0.1", "::1", "/tmp", "@abstract"]
      assert.deepStrictEqual(yield* places({ host }), [
        "127.0.0.1 127.0.0.1 5432",
        "::1 ::1 5432",
        "/tmp  5432",
        "@abstract  5432"
      ])
    })
  )

  it.effect("a name whose address is given is not looked up", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* places({ host: "nobody", hostAddress: "10.1.1.1" }), ["nobody 10.1.1.1 5432"])
      assert.deepStrictEqual(yield* places({ hostAddress: ["10.1.1.1", "10.1.1.2"] }), [
        " 10.1.1.1 5432",
        " 10.1.1.2 5432"
      ])
    })
  )

  it.effect("no host is the system's socket, and so is an empty one", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* places({}), ["  5432"])
      assert.deepStrictEqual(yield* places({ host: ",one" }), [", , 5432", "one 10.0.0.1 5432"])
    })
  )

  it.effect("what nobody says comes from the environment, and what an option says does not", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* places({}, { host: "one,three", port: "3" }), [
        "one 10.0.0.1 3",
        "three 10.0.0.3 3"
      ])
      assert.deepStrictEqual(yield* places({ host: "one" }, { host: "three", port: "3" }), ["one 10.0.0.1 3"])
      assert.deepStrictEqual(yield* places({ url: "host=one", port: 4 }, { host: "three" }), ["one 10.0.0.1 4"])
    })
  )

  it.effect("a list of the environment does not come in the place of an empty element", () =>
    Effect.gen(function* () {
      // To libpq a value that is empty is none; a list that is empty twice is one, and the same place.
      const others = { host: "other", hostaddr: "10.9.9.9" }
      assert.deepStrictEqual(yield* places({ host: ",/tmp", hostAddress: "," }, others), [
        ", , 5432",
        "/tmp,/tmp , 5432"
      ])
      const ambient = { host: "/tmp,one", hostaddr: ",10.9.9.9", port: "1,2" }
      assert.deepStrictEqual(yield* places({}, ambient), ["/tmp,/tmp , 1", "one 10.9.9.9 2"])
    })
  )

  it.effect("the places are described for people", () =>
    Effect.gen(function* () {
      const host = ["one", "10.0.0.9", "/tmp", "@name", ""]
      const { attempts: found } = yield* attempts({ host, port: 6000 }, made({ names }))
      assert.deepStrictEqual(
        found.map(({ description }) => description),
        [
          "one (10.0.0.1), port 6000",
          "10.0.0.9, port 6000",
          "socket /tmp/.s.PGSQL.6000",
          "socket @name/.s.PGSQL.6000",
          "the default socket, port 6000"
        ]
      )
    })
  )

  const slot = Schema.Struct({
    host: Schema.Literals(["", "one", "two", "three", "nobody", "/tmp", "@abstract", "10.0.0.9", "::1"]),
    address: Schema.Literals(["", "", "10.5.5.5"]),
    port: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 65_535 }))
  })
  it.effect.prop(
    "any list of hosts is covered in its order: every address of what has one, and nothing else",
    [Schema.NonEmptyArray(slot)],
    ([slots]) =>
      Effect.gen(function* () {
        const host = slots.map((slot) => slot.host)
        const hostAddress = slots.map((slot) => slot.address)
        const port = slots.map((slot) => slot.port)
        // A list of one empty string is no list.
        const options = { ...(host.join("") !== "" && { host }), hostAddress, port }
        const expected = slots.flatMap(({ address, host, port }) => {
          if (address !== "") return [`${host} ${address} ${port}`]
          if (host === "10.0.0.9" || host === "::1") return [`${host} ${host} ${port}`]
          if (host === "nobody") return []
          const found = Object.entries(names).find(([name]) => name === host)?.[1] ?? [""]
          return found.map((address) => `${host} ${address} ${port}`)
        })
        if (expected.length === 0) {
          const failure = yield* Effect.flip(attempts(options, made({ names })))
          const hosts = slots.map(() => notFound("nobody"))
          assert.deepStrictEqual(failure, { _tag: "UnresolvedHosts", hosts })
        } else {
          const found = yield* attempts(options, made({ names }))
          assert.deepStrictEqual(found.attempts.map(undoubled), expected)
          assert.isTrue(found.unresolved.every(({ host }) => host === "nobody"))
        }
      }),
    { arbitrary: { runs: 500 } }
  )
})

describe("names that have no address", () => {
  it.effect("are left out, and told", () =>
    Effect.gen(function* () {
      const found = yield* attempts({ host: "nobody,one,noone" }, made({ names }))
      assert.deepStrictEqual(found.attempts.map(place), ["one 10.0.0.1 5432"])
      assert.deepStrictEqual(found.unresolved, [notFound("nobody"), notFound("noone")])
    })
  )

  it.effect("are an error that names them all, if there is nothing else", () =>
    Effect.gen(function* () {
      const empty = made({ names: { empty: [] } })
      assert.deepStrictEqual(yield* Effect.flip(attempts({ host: "nobody,empty" }, empty)), {
        _tag: "UnresolvedHosts",
        hosts: [notFound("nobody"), { host: "empty", problem: "it has no address" }]
      })
    })
  )

  it.effect("are those, too, that nobody answers for within the connect time-out", () =>
    Effect.gen(function* () {
      const slow = made({ lookup: (name) => (name === "one" ? Effect.succeed(["10.0.0.1"]) : Effect.never) })
      const options = { host: ["slow", "one", "slower"], connectTimeout: "3 seconds" } as const
      const fiber = yield* Effect.forkChild(attempts(options, slow), { startImmediately: true })
      yield* TestClock.adjust("2999 millis")
      assert.isUndefined(fiber.pollUnsafe())
      yield* TestClock.adjust("1 millis")
      const found = yield* Fiber.join(fiber)
      assert.deepStrictEqual(found.attempts.map(place), ["one 10.0.0.1 5432"])
      assert.deepStrictEqual(
        found.unresolved.map(({ host, problem }) => `${host}: ${problem}`),
        ["slow: it was not looked up within 3s", "slower: it was not looked up within 3s"]
      )
    })
  )

  it.effect("are left to libpq where nobody else can look them up", () =>
    Effect.gen(function* () {
      const blocked = made({ ambient: { hostaddr: "," }, lookup: () => Effect.undefined })
      const found = yield* attempts({ host: "db1,db2" }, blocked)
      assert.deepStrictEqual(found.attempts.map(place), ["db1,db1 , 5432", "db2,db2 , 5432"])
      const plain = yield* attempts({ host: "db1" }, made({ lookup: () => Effect.undefined }))
      assert.deepStrictEqual(plain.attempts.map(place), ["db1  5432"])
      assert.deepStrictEqual(
        plain.attempts.map(({ description }) => description),
        ["db1, port 5432"]
      )
    })
  )

  it.effect("an interruption ends the lookups", () =>
    Effect.gen(function* () {
      let interrupted = 0
      const never = Effect.onInterrupt(Effect.never, () => Effect.sync(() => interrupted++))
      const fiber = yield* Effect.forkChild(attempts({ host: "one,two" }, made({ lookup: () => never })), {
        startImmediately: true
      })
      yield* Fiber.interrupt(fiber)
      assert.strictEqual(interrupted, 2)
    })
  )
})

describe("the lookup of the system", () => {
  it.live("gives the addresses of a name, each once", () =>
    Effect.gen(function* () {
      const found = yield* lookup("localhost")
      assert.isNotEmpty(found)
      assert.isTrue(found?.every((address) => ["127.0.0.1", "::1"].includes(address)))
      assert.strictEqual(new Set(found).size, found?.length)
    }).pipe(Effect.provide(Green.layer))
  )

  it.live("says why a name has none", () =>
    Effect.gen(function* () {
      const failure = yield* Effect.flip(lookup("green.invalid"))
      assert.strictEqual(failure.host, "green.invalid")
      assert.match(failure.problem, /ENOTFOUND|EAI_AGAIN/)
    }).pipe(Effect.provide(Green.layer))
  )

  it("leaves a name to libpq in a thread that the program blocks", () => {
    const { attempts: found } = Green.runSync(attempts({ host: "localhost,::1" }, { ...made(), lookup }))
    assert.deepStrictEqual(found.map(place), ["localhost  5432", "::1 ::1 5432"])
  })
})

describe("which host is tried", () => {
  it.effect("at random if load_balance_hosts says so, and the addresses of a host stay together", () =>
    Effect.gen(function* () {
      const host = ["one", "two", "three"]
      const order = (seed: string, options: ConnectOptions, ambient: Readonly<Record<string, string>> = {}) =>
        Effect.map(places(options, ambient), (places) => places.join()).pipe(Random.withSeed(seed))
      const seeds = Array.from({ length: 100 }, (_, index) => `seed ${index}`)
      const random = yield* Effect.forEach(seeds, (seed) => order(seed, { host, loadBalanceHosts: "random" }))
      assert.strictEqual(new Set(random).size, 12)
      const ambient = { load_balance_hosts: "random" }
      assert.deepStrictEqual(yield* Effect.forEach(seeds, (seed) => order(seed, { host }, ambient)), random)
      assert.strictEqual(new Set(yield* Effect.forEach(seeds, (seed) => order(seed, { host }))).size, 1)
    })
  )

  it.effect("prefer-standby is a round for a standby, and then one for any", () =>
    Effect.gen(function* () {
      const options = { host: ["one", "two"], targetSessionAttributes: "prefer-standby" } as const
      const { attempts: found } = yield* attempts(options, made({ names }))
      const shown = (attempt: Attempt) => `${value(attempt, "hostaddr")} ${value(attempt, "target_session_attrs")}`
      assert.deepStrictEqual(found.map(shown), [
        "10.0.0.1 standby",
        "10.0.0.2 standby",
        "fe80::2 standby",
        "10.0.0.1 any",
        "10.0.0.2 any",
        "fe80::2 any"
      ])
    })
  )

  it.effect("any other target is passed on", () =>
    Effect.gen(function* () {
      const ambient = { target_session_attrs: "read-only" }
      assert.strictEqual(value(yield* first({}, ambient), "target_session_attrs"), "read-only")
      const options = { targetSessionAttributes: "primary" } as const
      assert.strictEqual(value(yield* first(options, ambient), "target_session_attrs"), "primary")
      assert.isUndefined(value(yield* first({}), "target_session_attrs"))
    })
  )

  it.effect("load_balance_hosts works with a libpq that does not know it, and is not passed on to that one", () =>
    Effect.gen(function* () {
      const options = { host: "/tmp", loadBalanceHosts: "random" } as const
      const older = yield* attempts(options, made({ unknown: ["load_balance_hosts"] }))
      assert.isUndefined(value(older.attempts[0], "load_balance_hosts"))
      const newer = yield* attempts(options, made())
      assert.strictEqual(value(newer.attempts[0], "load_balance_hosts"), "random")
    })
  )
})

describe("the time-out of an attempt", () => {
  const timeout = (options: ConnectOptions, ambient: Readonly<Record<string, string>> = {}) =>
    Effect.map(first(options, ambient), (attempt) => attempt?.timeout && Duration.toMillis(attempt.timeout))

  it.effect("is what the option says", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* timeout({ connectTimeout: "1 second" }, { connect_timeout: "7" }), 1000)
      assert.strictEqual(yield* timeout({ connectTimeout: 1, url: "connect_timeout=9" }), 1)
      for (const none of [0, "-1 seconds", "Infinity", Duration.zero] as const) {
        assert.isUndefined(yield* timeout({ connectTimeout: none }, { connect_timeout: "7" }))
      }
    })
  )

  it.effect("is what connect_timeout says if there is no option, as libpq counts it", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* timeout({}, { connect_timeout: "7" }), 7000)
      assert.strictEqual(yield* timeout({}, { connect_timeout: " 1 " }), 2000)
      assert.strictEqual(yield* timeout({ url: "connect_timeout=9" }, { connect_timeout: "7" }), 9000)
      assert.strictEqual(yield* timeout({ conninfo: { connect_timeout: "9" } }), 9000)
      assert.isUndefined(yield* timeout({}, { connect_timeout: "0" }))
      assert.isUndefined(yield* timeout({}, { connect_timeout: "-1" }))
    })
  )

  it.effect("is 130 seconds if nobody says anything", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* timeout({}), 130_000)
    })
  )
})

describe("the password", () => {
  const password = (password: ConnectOptions["password"], url = "password=of-the-url") =>
    Effect.map(first({ password, url }), (attempt) => value(attempt, "password"))

  it.effect("may be wrapped, and may be an Effect, which is performed for every connection", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* password("a b"), "a b")
      assert.strictEqual(yield* password(Redacted.make("c")), "c")
      let calls = 0
      const token = Effect.sync(() => Redacted.make(`token ${++calls}`))
      assert.deepStrictEqual([yield* password(token), yield* password(token)], ["token 1", "token 2"])
      assert.strictEqual(yield* password(undefined), "of-the-url")
    })
  )

  it.effect("an Effect that fails is told with its error as the cause", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* Effect.flip(password(Effect.fail("no token"))), {
        _tag: "PasswordUnavailable",
        cause: "no token"
      })
      assert.deepStrictEqual(yield* Effect.exit(password(Effect.die("a defect"))), Exit.die("a defect"))
    })
  )

  it.effect("an Effect that gives a NUL is told without it", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* Effect.flip(password(Effect.succeed("a\0b"))), {
        _tag: "InvalidOption",
        option: "password",
        problem: "it has a NUL, where libpq would cut it off"
      })
    })
  )
})
