/** What is taken for granted of libpq, by those that are installed. */
import { afterAll, assert, beforeAll, beforeEach, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { type ConnectOptions, describe as inWords } from "../../src/ConnectOptions.ts"
import { type Attempt, attempts } from "../../src/internal/connect/attempts.ts"
import { parseUrl } from "../../src/internal/connect/parseUrl.ts"
import { settings } from "../../src/internal/connect/settings.ts"
import { spanAttributes } from "../../src/internal/connect/spanAttributes.ts"
import { made, place, value } from "./support/environment.ts"
import { installed, type Libpq } from "./support/libpq.ts"

const directory = mkdtempSync(join(tmpdir(), "green-pg-connect-"))
afterAll(() => rmSync(directory, { recursive: true, force: true }))

const before = { ...process.env }
const restore = () => {
  for (const name of Object.keys(process.env)) if (name.startsWith("PG")) delete process.env[name]
}
beforeEach(restore)
beforeAll(() => {
  writeFileSync(
    join(directory, "services"),
    [
      "[one]",
      "host=/svc,one",
      "port=6001,6002",
      "user=servant",
      "dbname=kept",
      "connect_timeout=4",
      "target_session_attrs=prefer-standby"
    ].join("\n")
  )
})
afterAll(() => {
  restore()
  for (const [name, value] of Object.entries(before)) if (name.startsWith("PG")) process.env[name] = value
})

const names = { one: ["10.0.0.1"] }
const planned = (libpq: Libpq, options: ConnectOptions) => attempts(options, { ...made({ names }), ...libpq })

/** What URLs are made of here. */
const strings = [
  ...[
    "postgresql://",
    "password",
    "user",
    "host",
    "s3cr3t",
    "1",
    " ",
    "'",
    '"',
    "=",
    ":",
    "@",
    "[",
    "]",
    "/",
    "?",
    "&"
  ],
  ...["%", "%00", "%41", "\\", ",", "#"]
] as const

const limit = (attempt: Attempt | undefined): string | undefined => attempt?.timeout && Duration.format(attempt.timeout)

it("there is a libpq to be tested", () => {
  assert.isNotEmpty(installed())
})

describe.each(installed())("%s", (_, libpq) => {
  it("refuses to be only asked, with nothing open", () => {
    const asked = settings({ host: "10.255.255.1,nobody.invalid", ssl: "require", password: "a" }, libpq)
    assert.isTrue(Result.isSuccess(asked))
    assert.deepStrictEqual(libpq.refusal(), { message: 'invalid sslmode value: "only asking"\n', socket: -1 })
  })

  it.effect("adds the service file to what the options say, and the environment to both", () =>
    Effect.gen(function* () {
      process.env["PGSERVICEFILE"] = join(directory, "services")
      process.env["PGPORT"] = "7000"
      process.env["PGUSER"] = "envy"
      process.env["PGCONNECT_TIMEOUT"] = "9"
      const alone = yield* planned(libpq, { host: "one" })
      assert.deepStrictEqual(alone.attempts.map(place), ["one 10.0.0.1 7000"])
      assert.strictEqual(limit(alone.attempts[0]), "9s")

      for (const options of [{ service: "one" }, { url: "postgresql://?service=one" }, { url: "service=one" }]) {
        const { attempts: found } = yield* planned(libpq, options)
        const expected = ["/svc  6001", "one 10.0.0.1 6002"]
        assert.deepStrictEqual(found.map(place), [...expected, ...expected])
        assert.deepStrictEqual(
          found.map((attempt) => value(attempt, "target_session_attrs")),
          ["standby", "standby", "any", "any"]
        )
        assert.strictEqual(limit(found[0]), "4s")
        assert.strictEqual(value(found[0], "service"), "one")
        const read = settings(options, libpq)
        assert.deepStrictEqual(
          Result.map(read, ({ value }) => [value("user"), value("dbname")]),
          Result.succeed(["servant", "kept"])
        )
      }
      process.env["PGSERVICE"] = "one"
      const { attempts: found } = yield* planned(libpq, { port: 1, targetSessionAttributes: "any" })
      assert.deepStrictEqual(found.map(place), ["/svc  1", "one 10.0.0.1 1"])
    })
  )

  it.effect("a service that there is not is for libpq to tell", () =>
    Effect.gen(function* () {
      process.env["PGSERVICEFILE"] = join(directory, "services")
      const { attempts: found } = yield* planned(libpq, { service: "none", host: directory })
      assert.strictEqual(found.length, 1)
      for (const attempt of found)
        assert.include(libpq.start(attempt).message, 'definition of service "none" not found')
    })
  )

  it.effect("takes an attempt as it is meant, whatever the environment says", () =>
    Effect.gen(function* () {
      process.env["PGHOST"] = `${directory},one`
      process.env["PGHOSTADDR"] = ",127.0.0.1"
      process.env["PGPORT"] = "1,2"
      process.env["PGAPPNAME"] = "envy"
      const { attempts: found } = yield* planned(libpq, {})
      const [socket, address] = found.map((attempt) => libpq.start(attempt))
      assert.include(socket?.message, `socket "${directory}/.s.PGSQL.1" failed`)
      assert.notInclude(socket?.message, "127.0.0.1")
      assert.deepStrictEqual([address?.host, address?.hostaddr, address?.port], ["one", "127.0.0.1", "2"])

      const said = yield* planned(libpq, { host: `${directory}/a,`, hostAddress: ",", port: 3 })
      const messages = said.attempts.map((attempt) => libpq.start(attempt).message)
      assert.include(messages[0], `socket "${directory}/a/.s.PGSQL.3" failed`)
      for (const message of messages) assert.notMatch(message, /127\.0\.0\.1|PGSQL\.[12]"/)
    })
  )

  it.effect("knows the keyword of every option that is older than itself", () =>
    Effect.gen(function* () {
      const options: ConnectOptions = {
        host: directory,
        username: "u",
        database: "d",
        password: "p",
        applicationName: "n",
        startupOptions: "-c geqo=off",
        startupParameters: { search_path: "a, b" },
        ssl: {
          mode: "prefer",
          rootCertificate: "r",
          certificate: "c",
          key: "k",
          keyPassword: "p",
          revocationList: "l",
          serverNameIndication: true,
          minimumVersion: "TLSv1.2",
          maximumVersion: "TLSv1.3"
        },
        channelBinding: "prefer",
        targetSessionAttributes: "any",
        loadBalanceHosts: "random",
        passfile: "f",
        keepAlive: "5 seconds",
        keepAliveInterval: "1 second",
        keepAliveCount: 3,
        tcpUserTimeout: "1 second",
        connectTimeout: "1 second"
      }
      const { attempts: found } = yield* planned(libpq, options)
      for (const attempt of found) assert.include(libpq.start(attempt).message, "No such file or directory")
      const failure = yield* Effect.flip(planned(libpq, { conninfo: { sslmood: "x" } }))
      assert.include(inWords(failure), 'has no keyword "sslmood"')
    })
  )

  it.effect("reads a URI", () =>
    Effect.gen(function* () {
      const url = "postgresql://us%65r:p%40ss@[::1]:1,one:2/da?application_name=a%20b&ssl=true&connect_timeout=1"
      const { attempts: found } = yield* planned(libpq, { url })
      assert.deepStrictEqual(found.map(place), ["::1 ::1 1", "one 10.0.0.1 2"])
      const shown = ["user", "password", "dbname", "application_name", "sslmode", "connect_timeout"]
      assert.deepStrictEqual(
        shown.map((keyword) => value(found[0], keyword)),
        ["user", "p@ss", "da", "a b", "require", undefined]
      )
      assert.strictEqual(limit(found[0]), "2s")
    })
  )

  it("is asked of every URI in which each @ is in its place", () => {
    for (const url of [
      "postgres://u:p?@h/d?user=a@b",
      "postgresql:///d?host=%2Ftmp&user=a@b",
      "user=a@b password=/@"
    ]) {
      assert.isTrue(Result.isSuccess(parseUrl(url, libpq.parse)), url)
    }
    for (const url of ["postgres://u:p@q@h", "postgres://u:p/q@h", "postgres://u:p?@q/@h", "postgresql://h/d@e"]) {
      assert.include(Result.match(parseUrl(url, libpq.parse), { onFailure: inWords, onSuccess: () => "" }), "too many")
    }
  })

  it("says what is wrong with one, and we in words of ours", () => {
    const problems: Readonly<Record<string, string>> = {
      "password=my secret": 'url: there is no "=" after a keyword; put values that have spaces in quotes',
      "password='my secret": "url: a value in quotes has no end",
      "sslmood=secret": "url: it has a keyword that this libpq does not know",
      "postgresql://h?schema=secret": "url: its query has a parameter that is no keyword of this libpq",
      "postgresql://h?user=a=b": 'url: a parameter of its query has two "="; write the second as %3D',
      "postgresql://h?secret": 'url: a parameter of its query has no "="',
      "postgresql://u:100%@h": "url: there are no two hexadecimal digits after a %; write the % itself as %25",
      "postgresql://u:a%00b@h": "url: it has a NUL (%00), where libpq would cut it off",
      "postgresql://u:1/secret@h":
        'url: it has an "@" too many; in a password write "@" as %40 and "/" as %2F, elsewhere "@" as %40',
      "postgresql://u:p@[::1": 'url: there is no "]" after an IPv6 address',
      "postgresql://u:p@[]": "url: an IPv6 address is empty",
      "postgresql://u:p@[::1]x": 'url: after an IPv6 address there is something other than ":" or "/"'
    }
    for (const [url, problem] of Object.entries(problems)) {
      const parsed = parseUrl(url, libpq.parse)
      assert.strictEqual(Result.match(parsed, { onFailure: inWords, onSuccess: () => "nothing is wrong" }), problem)
    }
  })

  const pieces = Schema.Array(Schema.Literals(strings))
  it.effect.prop(
    "no error of a URL has anything of the URL in it",
    [pieces],
    ([pieces]) =>
      Effect.sync(() => {
        const parsed = parseUrl(pieces.join(""), libpq.parse)
        if (Result.isFailure(parsed)) assert.notInclude(inWords(parsed.failure), "s3cr3t")
      }),
    { arbitrary: { runs: 2000 } }
  )

  it.effect.prop(
    "a password that is not encoded as it must be is shown nowhere",
    // With a "=" it could have a query of its own.
    [Schema.Array(Schema.Literals(strings.filter((piece) => piece !== "=")))],
    ([pieces]) =>
      Effect.gen(function* () {
        const options = { url: `postgresql://user:s3cr3t${pieces.join("")}@one:1/database` }
        const shown = yield* Effect.match(planned(libpq, options), {
          onFailure: inWords,
          onSuccess: ({ attempts, unresolved }) =>
            JSON.stringify([attempts.map(({ description }) => description), unresolved])
        })
        const attributes = Result.match(settings(options, libpq), { onFailure: inWords, onSuccess: spanAttributes })
        assert.notInclude(shown + JSON.stringify(attributes), "s3cr3t")
      }),
    { arbitrary: { runs: 1000 } }
  )
})
