/** The options of a connection are libpq's keywords, and what is wrong with them is told before libpq is asked. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { type ConnectOptions, describe as inWords } from "../../src/ConnectOptions.ts"
import { attempts } from "../../src/internal/connect/attempts.ts"
import { settings } from "../../src/internal/connect/settings.ts"
import { spanAttributes } from "../../src/internal/connect/spanAttributes.ts"
import { made } from "./support/environment.ts"

const keywords = (options: ConnectOptions, ambient: Readonly<Record<string, string>> = {}) =>
  Effect.map(attempts({ host: "/tmp", ...options }, made({ ambient })), ({ attempts }) =>
    Object.fromEntries(attempts[0]?.keywords.map((keyword, index) => [keyword, attempts[0]?.values[index]]) ?? [])
  )

/** What every attempt has. */
const always = { host: "/tmp", port: "5432", client_encoding: "UTF8", fallback_application_name: "green-pg" }

const refused = (options: ConnectOptions, given: Parameters<typeof made>[0] = {}): string =>
  Result.match(settings(options, made(given)), { onFailure: inWords, onSuccess: () => "nothing is wrong" })

describe("keywords", () => {
  it.effect("every option has its own", () =>
    Effect.gen(function* () {
      const said = yield* keywords({
        port: 1,
        username: "user",
        password: "secret",
        database: "database",
        applicationName: "name",
        startupOptions: "-c geqo=off",
        ssl: {
          mode: "verify-full",
          rootCertificate: "root",
          certificate: "certificate",
          key: "key",
          keyPassword: Redacted.make("secret"),
          revocationList: "list",
          certificateMode: "require",
          negotiation: "direct",
          serverNameIndication: false,
          minimumVersion: "TLSv1.2",
          maximumVersion: "TLSv1.3"
        },
        channelBinding: "require",
        requireAuthentication: "scram-sha-256",
        targetSessionAttributes: "primary",
        loadBalanceHosts: "disable",
        service: "service",
        passfile: "file",
        keepAlive: "1500 millis",
        keepAliveInterval: 1,
        keepAliveCount: 3,
        tcpUserTimeout: "2 seconds",
        connectTimeout: "1 second",
        conninfo: { gssencmode: "disable", replication: "database" }
      })
      assert.deepStrictEqual(said, {
        ...always,
        port: "1",
        user: "user",
        password: "secret",
        dbname: "database",
        application_name: "name",
        options: "-c geqo=off",
        sslmode: "verify-full",
        sslrootcert: "root",
        sslcert: "certificate",
        sslkey: "key",
        sslpassword: "secret",
        sslcrl: "list",
        sslcertmode: "require",
        sslnegotiation: "direct",
        sslsni: "0",
        ssl_min_protocol_version: "TLSv1.2",
        ssl_max_protocol_version: "TLSv1.3",
        channel_binding: "require",
        require_auth: "scram-sha-256",
        target_session_attrs: "primary",
        load_balance_hosts: "disable",
        service: "service",
        passfile: "file",
        keepalives: "1",
        keepalives_idle: "2",
        keepalives_interval: "1",
        keepalives_count: "3",
        tcp_user_timeout: "2000",
        gssencmode: "disable",
        replication: "database"
      })
    })
  )

  it.effect("what is not said is left to libpq, but for the encoding and a name for the application", () =>
    Effect.gen(function* () {
      const ambient = { user: "of the environment", dbname: "of the service", options: "-c geqo=off" }
      assert.deepStrictEqual(yield* keywords({}, ambient), always)
    })
  )

  it.effect("undefined and an empty string say nothing", () =>
    Effect.gen(function* () {
      const nothing = { username: undefined, database: "", password: "", ssl: undefined, conninfo: { sslcrl: "" } }
      assert.deepStrictEqual(yield* keywords({ ...nothing, url: "" }), always)
      assert.deepStrictEqual(yield* keywords({ ...nothing, url: "user=u dbname=d" }), {
        ...always,
        user: "u",
        dbname: "d"
      })
    })
  )

  it.effect("an option wins over the URL", () =>
    Effect.gen(function* () {
      const url = Redacted.make("user=a dbname=a sslmode=disable gssencmode=prefer")
      const said = yield* keywords({ url, username: "b", ssl: "require", conninfo: { gssencmode: "disable" } })
      assert.deepStrictEqual(said, { ...always, user: "b", dbname: "a", sslmode: "require", gssencmode: "disable" })
    })
  )

  it.effect("no keep-alive is said as such", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* keywords({ keepAlive: false }), { ...always, keepalives: "0" })
    })
  )

  it.effect("a fallback for the application's name may be said by the caller or a service", () =>
    Effect.gen(function* () {
      const fallback_application_name = "other"
      assert.deepStrictEqual(yield* keywords({ conninfo: { fallback_application_name } }), {
        ...always,
        fallback_application_name
      })
      assert.deepStrictEqual(yield* keywords({}, { fallback_application_name }), {
        ...always,
        fallback_application_name
      })
    })
  )

  it.effect("settings are options of the server's process, after those that are there already", () =>
    Effect.gen(function* () {
      const startupParameters = { search_path: "a b, \\c", "My.Own": "", Client_Encoding: "utf-8" }
      const written = "-c search_path=a\\ b,\\ \\\\c -c my.own="
      assert.strictEqual((yield* keywords({ startupParameters }))["options"], written)
      assert.strictEqual(
        (yield* keywords({ startupParameters }, { options: "-c geqo=off" }))["options"],
        `-c geqo=off ${written}`
      )
      assert.strictEqual(
        (yield* keywords({ startupParameters, startupOptions: "-d 1" }, { options: "-c geqo=off" }))["options"],
        `-d 1 ${written}`
      )
    })
  )

  it.effect("the application's name among the settings is that of the URL's place", () =>
    Effect.gen(function* () {
      const startupParameters = { Application_Name: "a" }
      const named = { startupParameters, url: "application_name=b" }
      assert.deepStrictEqual(yield* keywords(named), { ...always, application_name: "a" })
      const named2 = { ...named, applicationName: "c" }
      assert.deepStrictEqual(yield* keywords(named2), { ...always, application_name: "c" })
    })
  )
})

describe("what is wrong", () => {
  it("a NUL is told with the option that has it", () => {
    const nul = "it has a NUL, where libpq would cut it off"
    assert.strictEqual(refused({ username: "a\0" }), `username: ${nul}`)
    assert.strictEqual(refused({ password: Redacted.make("a\0") }), `password: ${nul}`)
    assert.strictEqual(refused({ ssl: { key: "\0" } }), `ssl.key: ${nul}`)
    assert.strictEqual(refused({ url: "user=\0" }), `url: ${nul}`)
    assert.strictEqual(refused({ conninfo: { sslcrl: "\0" } }), `conninfo.sslcrl: ${nul}`)
    assert.strictEqual(refused({ conninfo: { "ssl\0crl": "a" } }), `conninfo: "ssl\\u0000crl": ${nul}`)
    assert.strictEqual(refused({ startupParameters: { search_path: "\0" } }), `startupParameters.search_path: ${nul}`)
    assert.strictEqual(
      refused({ startupParameters: { "a\0": "b" } }),
      'startupParameters: "a\\u0000" is no name of a setting'
    )
  })

  it("a keyword that libpq does not know, or that is empty, or said twice", () => {
    const unknown = "the libpq that is installed has no keyword"
    assert.strictEqual(refused({ conninfo: { sslmood: "x" } }), `conninfo.sslmood: ${unknown} "sslmood"`)
    assert.strictEqual(
      refused({ ssl: { negotiation: "direct" } }, { unknown: ["sslnegotiation"] }),
      `ssl.negotiation: ${unknown} "sslnegotiation"`
    )
    assert.strictEqual(refused({ conninfo: { "": "x" } }), "conninfo: a keyword is empty")
    const twice = (option: string) => `${option} says it, too; say it once`
    assert.strictEqual(refused({ host: "a", conninfo: { host: "b" } }), `conninfo.host: ${twice("host")}`)
    assert.strictEqual(
      refused({ password: Effect.succeed("a"), conninfo: { password: "b" } }),
      `conninfo.password: ${twice("password")}`
    )
    assert.strictEqual(
      refused({ connectTimeout: 1, conninfo: { connect_timeout: "1" } }),
      `conninfo.connect_timeout: ${twice("connectTimeout")}`
    )
  })

  it("lists that do not match", () => {
    assert.strictEqual(refused({ host: "a,b,c", port: [1, 2] }), "port: 2 ports for 3 hosts; give one, or one for each")
    assert.strictEqual(refused({ port: [1, 2] }), "port: 2 ports for 1 hosts; give one, or one for each")
    assert.strictEqual(
      refused({ host: "a,b", hostAddress: "10.0.0.1" }),
      "host: 2 hosts for 1 addresses; give one for each"
    )
    assert.strictEqual(
      refused({ host: "a" }, { ambient: { port: "1,2" } }),
      "port (of the service file or the environment): 2 ports for 1 hosts; give one, or one for each"
    )
  })

  it("a port that is none", () => {
    const range = "a port is an integer from 1 to 65535"
    for (const port of [0, 65_536, -1, 1.5]) assert.strictEqual(refused({ port }), `port: ${port} is no port: ${range}`)
    assert.strictEqual(refused({ port: NaN }), `port: ${range}`)
    assert.strictEqual(refused({ url: "port=http" }), `url (port): ${range}`)
    assert.strictEqual(
      refused({}, { ambient: { port: "0" } }),
      `port (of the service file or the environment): 0 is no port: ${range}`
    )
  })

  it("a number or a duration that is none", () => {
    assert.strictEqual(refused({ keepAliveCount: 0 }), "keepAliveCount: 0 is not an integer from 1 to 2147483647")
    assert.strictEqual(refused({ keepAliveCount: 1.5 }), "keepAliveCount: 1.5 is not an integer from 1 to 2147483647")
    assert.match(refused({ keepAlive: 0 }), /^keepAlive: 0 is not more than zero/)
    assert.match(refused({ tcpUserTimeout: "Infinity" }), /^tcpUserTimeout: Infinity is not more than zero/)
    assert.strictEqual(
      refused({ conninfo: { connect_timeout: "x" } }),
      'conninfo.connect_timeout: "x" is no number of seconds'
    )
  })

  it("an encoding other than UTF8", () => {
    assert.match(refused({ conninfo: { client_encoding: "LATIN1" } }), /^conninfo.client_encoding: .* "LATIN1"; leave/)
    assert.match(refused({ url: "client_encoding=auto" }), /^url \(client_encoding\): .* "auto"; leave it out$/)
    assert.match(refused({ startupParameters: { client_encoding: "SQL_ASCII" } }), /^startupParameters.client_encoding/)
    assert.strictEqual(refused({ conninfo: { client_encoding: "utf-8" } }), "nothing is wrong")
    assert.strictEqual(refused({}, { ambient: { client_encoding: "LATIN1" } }), "nothing is wrong")
  })

  it("settings that are none", () => {
    assert.strictEqual(
      refused({ startupParameters: { User: "a" } }),
      "startupParameters.User: it is no setting; say it as username"
    )
    assert.strictEqual(
      refused({ startupParameters: { "a b": "c" } }),
      'startupParameters: "a b" is no name of a setting'
    )
  })

  it("an unknown way to balance hosts, whoever says it", () => {
    const balance = '"rnd" is neither "disable" nor "random"'
    assert.strictEqual(refused({ conninfo: { load_balance_hosts: "rnd" } }), `conninfo.load_balance_hosts: ${balance}`)
    assert.strictEqual(
      refused({}, { ambient: { load_balance_hosts: "rnd" } }),
      `load_balance_hosts (of the service file or the environment): ${balance}`
    )
  })

  it("a URI or the text of a key where it would be shown is told without it", () => {
    const uri = "postgresql://app:secret@db/app"
    const place = "a URI is given as url, and a port as port"
    const problem = `host: a host is a name, an address, or a directory that begins with / or @; ${place}`
    for (const host of [uri, "app:secret@db", "db:5432", "a, b", "[::1]"]) {
      assert.strictEqual(refused({ host }), problem)
    }
    assert.strictEqual(refused({ host: "::1,fe80::1%lo,/a b,@a:b" }), "nothing is wrong")
    assert.strictEqual(refused({ database: uri }), "database: it is a URI, and that is given as url")
    const key = "-----BEGIN PRIVATE KEY-----\nsecret"
    assert.strictEqual(
      refused({ ssl: { key } }),
      "ssl.key: it is the text of a PEM file, and libpq takes the name of one"
    )
  })

  it.effect("is an error of the attempts, before any name is looked up", () =>
    Effect.gen(function* () {
      const environment = made({ lookup: () => Effect.die("looked up") })
      assert.deepStrictEqual(yield* Effect.flip(attempts({ host: "a,b", port: [1, 2, 3] }, environment)), {
        _tag: "InvalidOption",
        option: "port",
        problem: "3 ports for 2 hosts; give one, or one for each"
      })
    })
  )
})

describe("what spans and logs show", () => {
  const shown = (options: ConnectOptions, ambient: Readonly<Record<string, string>> = {}) =>
    Result.map(settings(options, made({ ambient })), spanAttributes)

  it("hosts, port, database and user, whoever said them", () => {
    const ambient = { host: "a,b", port: "1", user: "u", dbname: "d" }
    assert.deepStrictEqual(
      shown({ database: "e" }, ambient),
      Result.succeed({ "server.address": "a,b", "server.port": 1, "db.namespace": "e", "db.user": "u" })
    )
  })

  it("no address that nobody knows, and no port if there are two", () => {
    assert.deepStrictEqual(shown({}), Result.succeed({ "server.port": 5432, "db.namespace": "me", "db.user": "me" }))
    assert.deepStrictEqual(
      shown({ host: ["a", "b"], port: [1, 2] }),
      Result.succeed({ "server.address": "a,b", "db.namespace": "me", "db.user": "me" })
    )
  })
})

describe("secrets", () => {
  const secret = "s3cr3t-0f-mine"
  const around = Schema.Literals(["", "a", "\0", " ", "'", '"', "=", "://", "@", "-----BEGIN", "%zz", ","])
  const spoiled = Schema.Struct({
    port: Schema.Literals([1, 0, 70_000]),
    host: Schema.Literals(["/tmp", "nobody", "a b", "", "a,b"]),
    keyword: Schema.Literals(["sslcrl", "sslmood", "client_encoding", "password", "host"]),
    fails: Schema.Boolean,
    wrapped: Schema.Boolean
  })

  it.effect.prop(
    "are in no error, no description and no attribute, whatever is wrong",
    [around, around, spoiled],
    ([before, after, { fails, host, keyword, port, wrapped }]) =>
      Effect.gen(function* () {
        const text = `${before}${secret}${after}`
        const password = wrapped ? Redacted.make(text) : text
        const token = fails ? Effect.fail(text) : Effect.succeed(password)
        const conninfo = { [keyword]: "x" }
        const tries: ReadonlyArray<ConnectOptions> = [
          { url: password },
          { url: `password=${text}`, port, host },
          { url: `postgresql://u:${text}@${host}:${port}/d` },
          { password, port, host, conninfo },
          { password: token, port, host, conninfo },
          { ssl: { keyPassword: password, key: `-----BEGIN ${text}` }, port, host },
          { host, port, conninfo: { sslpassword: text } },
          { host, port, conninfo: { oauth_client_secret: text } },
          { host, port, conninfo: { scram_client_key: text, scram_server_key: text } },
          { host: `postgresql://u:${text}@h/d` },
          { host: `u:${text}@h` },
          { database: `postgres://u:${text}@h/d` }
        ]
        for (const options of tries) {
          const shown = yield* Effect.match(attempts(options, made({ names: { a: ["10.0.0.1"] } })), {
            onFailure: (reason) => inWords(reason) + (reason._tag === "InvalidOption" ? JSON.stringify(reason) : ""),
            onSuccess: ({ attempts, unresolved }) =>
              JSON.stringify([attempts.map(({ description }) => description), unresolved])
          })
          const attributes = JSON.stringify(Result.map(settings(options, made()), spanAttributes))
          assert.notInclude(shown + attributes, secret)
        }
      }),
    { arbitrary: { runs: 300 } }
  )
})
