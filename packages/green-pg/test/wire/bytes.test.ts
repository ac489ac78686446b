/**
 * The wire driver over bytes in memory: however they are cut, delayed, mutated or ended, it gives the same answers or a
 * `PgError`, and always comes to an end.
 */
import { assert, describe, it, layer } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { PostgresServer } from "green-pg/testing"
import { constants } from "node:os"
import { isDeepStrictEqual } from "node:util"
import { PgError } from "../../src/PgError.ts"
import { WireDriver } from "../../src/internal/wire/WireDriver.ts"
import type { LibpqFunctions } from "../../src/Libpq.ts"
import { ask, connected } from "./connected.ts"
import { Events, query, Recorder, script, statement, types } from "./drive.ts"
import { errorMessage, int16, int32, message, ready, type Script, ScriptedSocket } from "./ScriptedSocket.ts"

/** A batch that meets every message there is. */
const batch = (): ReadonlyArray<Recorder> => {
  const kept = statement("kept")
  return [
    query("select $1::int4 as n, $2::text as t, null as x", [1, "größer"], { statement: kept }),
    query("select $1::int4 as n, $2::text as t, null as x", [2, ""], { statement: kept, sync: false }),
    query("select i, repeat('r', i % 50) as r from generate_series(1, 120) i", [], { chunk: 50, shape: "values" }),
    query("select 1/0", [], { sync: false }),
    query("select 2"),
    query("create temp table b (n int, t text)"),
    query("do $$ begin raise notice 'a notice'; end $$"),
    new Recorder({ _tag: "Close", statement: kept }),
    query("")
  ]
}

const scripts = (): ReadonlyArray<Recorder> => [
  script("listen bytes; notify bytes, 'payload'; select 1 as a; insert into b values (1, 'x'); copy b to stdout"),
  script("copy b from stdin; select 1/0")
]

const copying = (driver: WireDriver, exchanges: ReadonlyArray<Recorder>): void => {
  for (const exchange of exchanges) {
    exchange.react = (heard) => {
      if (typeof heard !== "object" || !("copy" in heard) || heard.copy.direction !== "in") return
      driver.copyData(Buffer.from("3\tthree\n"))
      driver.copyEnd(undefined)
    }
  }
}

/** Steps without waiting; why it was lost, if it was. Many moments without a byte are for ever. */
const play = (driver: WireDriver, socket: ScriptedSocket, exchanges: ReadonlyArray<Recorder>): PgError | undefined => {
  let moments = 0
  while (exchanges.some(({ ended }) => !ended)) {
    const { unread } = socket
    try {
      driver.flush()
      const lost = driver.receive()
      if (lost !== undefined) return lost
      driver.deliver()
    } catch (thrown) {
      if (thrown instanceof PgError) return thrown
      throw thrown
    }
    moments = socket.unread === unread ? moments + 1 : 0
    if (moments > 100) throw new Error("it goes on for ever")
  }
  return undefined
}

type Heard = ReadonlyArray<ReadonlyArray<unknown>>

/** Whether what was heard at last is what would have been heard, up to where it fails. */
const begins = (whole: Heard, early: Heard): boolean =>
  early.every((heard, index) => {
    const failed = heard.findIndex(
      (each) => typeof each === "object" && each !== null && "_tag" in each && each._tag === "ConnectionLost"
    )
    const end = failed < 0 ? heard.length : failed
    return isDeepStrictEqual(heard.slice(0, end), whole[index]?.slice(0, end))
  })

/** Sends one after another what may not be sent together. */
const replay = (
  given: Script
): { readonly lost: PgError | undefined; readonly heard: Heard; readonly sent: Buffer } => {
  const socket = new ScriptedSocket(given)
  const driver = new WireDriver(socket, 1, types, new Events())
  const handshake = query("")
  driver.sync(handshake)
  let lost = play(driver, socket, [handshake])
  const all: Array<Recorder> = []
  for (const together of [batch(), ...scripts().map((each) => [each])]) {
    if (lost !== undefined) break
    copying(driver, together)
    for (const exchange of together) driver.send(exchange)
    all.push(...together)
    socket.next()
    lost = play(driver, socket, together)
  }
  if (lost !== undefined) driver.fail(lost)
  assert.isTrue(all.every(({ heard }) => heard.filter((each) => each === "end").length === 1))
  assert.strictEqual(driver.outstanding, 0)
  // Up to the end that takes everything: there is nothing to be flushed for ever.
  for (let flushes = 0; !driver.flush(); flushes++) assert.isBelow(flushes, 100_000)
  driver.close()
  return { lost, heard: all.map(({ heard }) => heard.map(told)), sent: socket.sent }
}

const told = (heard: Recorder["heard"][number]): unknown =>
  typeof heard === "object" && "error" in heard ? heard.error.reason : heard

const sizes = (minimum: number, maximum: number) => Schema.Int.check(Schema.isBetween({ minimum, maximum }))
const pieces = Arbitrary.array(Arbitrary.schema(sizes(0, 40)), { maxLength: 12 })

layer(PostgresServer.layer())("a transcript of a real server", (it) => {
  /** What a server says to the Sync, the batch and the scripts. */
  const recorded = Effect.gen(function* () {
    let said: Array<Buffer> = []
    const parts: Array<Buffer> = []
    const driver = yield* connected(new Events(), (functions: LibpqFunctions) => ({
      ...functions,
      recv: (socket, bytes) => {
        const size = functions.recv(socket, bytes)
        if (size > 0) said.push(Buffer.from(bytes.subarray(0, size)))
        return size
      }
    }))
    assert.isTrue(driver instanceof WireDriver)
    for (const together of [[], batch(), ...scripts().map((each) => [each])]) {
      if (driver instanceof WireDriver) copying(driver, together)
      yield* ask(driver, ...together)
      parts.push(Buffer.concat(said))
      said = []
    }
    return parts
  })

  it.effect("gives the same answers and sends the same bytes, however it is cut and delayed", () =>
    Effect.gen(function* () {
      const says = yield* recorded
      const whole = replay({ says, stays: true })
      assert.strictEqual(whole.lost, undefined)
      for (const script of [
        { pieces: [1] },
        { pieces: [1, 0, 2, 0, 3], takes: [0, 1] },
        { pieces: [7, 0], takes: [0, 13] },
        { pieces: [4096], takes: [1, 0, 0, 2] }
      ]) {
        const cut = replay({ says, stays: true, ...script })
        assert.strictEqual(cut.lost, undefined)
        assert.deepStrictEqual(cut.heard, whole.heard)
        assert.isTrue(cut.sent.equals(whole.sent))
      }
    })
  )

  it.effect("is a lost connection wherever it ends too early, after what was said before", () =>
    Effect.gen(function* () {
      const says = yield* recorded
      const whole = replay({ says, stays: true })
      for (const [index, part] of says.entries()) {
        for (let end = 0; end < part.length; end += 3) {
          const early = [...says.slice(0, index), part.subarray(0, end)]
          const { lost, heard } = replay({ says: early, pieces: [1 + (end % 100)] })
          assert.strictEqual(lost?.reason._tag, "ConnectionLost", `ended after ${end} bytes of part ${index}`)
          assert.isTrue(begins(whole.heard, heard))
        }
      }
    })
  )

  it.effect("with bytes changed, left out or put in it is answers or a typed error, and an end", () =>
    Effect.gen(function* () {
      const says = yield* recorded
      let seed = 1
      const random = (below: number): number => {
        seed = (Math.imul(seed, 1103515245) + 12345) >>> 0
        return (seed >>> 8) % below
      }
      const reasons = new Set<string>()
      for (let round = 0; round < 3000; round++) {
        const parts = says.map((part) => Buffer.from(part))
        const mutated = parts[random(parts.length)] ?? Buffer.alloc(1)
        for (let changes = 1 + random(3); changes > 0; changes--) {
          const at = random(mutated.length)
          if (random(3) === 0) mutated.copyWithin(at, Math.min(at + 1 + random(9), mutated.length))
          else mutated[at] = random(256)
        }
        const { lost } = replay({ says: parts, pieces: [1 + random(2000)] })
        reasons.add(lost?.reason._tag ?? "none")
      }
      assert.includeMembers([...reasons], ["ProtocolViolation", "ConnectionLost", "none"])
    })
  )
})

describe("bytes in memory", () => {
  const driven = (given: Script, ...exchanges: ReadonlyArray<Recorder>) => {
    const socket = new ScriptedSocket({ ...given, says: [ready, ...given.says] })
    const driver = new WireDriver(socket, 1, types, new Events())
    const handshake = query("")
    driver.sync(handshake)
    const lost = play(driver, socket, [handshake])
    for (const exchange of exchanges) driver.send(exchange)
    socket.next()
    return { socket, driver, lost: lost ?? play(driver, socket, exchanges) }
  }
  const described = message("T", int16(1), "n", int32(0), int16(0), int32(23), int16(4), int32(-1), int16(1))
  const parsed = Buffer.concat([message("1"), message("2"), described])

  it.effect.prop(
    "random bytes are a typed error",
    [Arbitrary.schema(Schema.Array(sizes(0, 255))), pieces],
    ([bytes, pieces]) =>
      Effect.sync(() => {
        const { lost } = driven({ says: [Uint8Array.from(bytes)], pieces: [...pieces, 1] }, query("select 1"))
        assert.isDefined(lost)
      }),
    { arbitrary: { runs: 300 } }
  )

  it("what the protocol does not allow is a violation that says what came", () => {
    const cases: ReadonlyArray<readonly [string, Buffer, RegExp]> = [
      ["a length below four", Buffer.from([0x44, 0, 0, 0, 3]), /"D" with the length 3/],
      ["a length below zero", Buffer.from([0x44, 0xff, 0, 0, 0]), /with the length -/],
      ["a length above 1 GiB", Buffer.from([0x44, 0x40, 0, 0, 0]), /length 1073741824/],
      ["a short message that is long", Buffer.from([0x5a, 0, 0x80, 0, 0]), /"Z" with the length/],
      ["an unknown letter", message("y"), /unknown type "y"/],
      ["a byte that is no letter", Buffer.from([0, 0, 0, 0, 4]), /unknown type 0x00/],
      ["an answer to nothing", message("3"), /"3" came, where the Query is at "parse"/],
      ["rows before their columns", message("D", int16(0)), /"D" came/],
      ["a row that is too short", Buffer.concat([parsed, message("D", int16(1))]), /too early/],
      ["a row with too many columns", Buffer.concat([parsed, message("D", int16(2))]), /2 values, where 1/],
      [
        "a value beyond its row",
        Buffer.concat([parsed, message("D", int16(1), int32(5), int16(1))]),
        /whose values take/
      ],
      ["a value of a length below -1", Buffer.concat([parsed, message("D", int16(1), int32(-2))]), /-2 bytes/],
      ["a row with bytes behind", Buffer.concat([parsed, message("D", int16(0), int16(0))]), /0 values|values take/],
      ["columns without an end", Buffer.concat([message("1"), message("2"), message("T", int16(9), "n")]), /too early/],
      [
        "a format that there is not",
        Buffer.concat([
          message("1"),
          message("2"),
          message("T", int16(1), "n", int32(0), int16(0), int32(23), int16(4), int32(-1), int16(7))
        ]),
        /format 7/
      ],
      ["a text without an end", message("S", Buffer.from("TimeZone")), /without an end/],
      [
        "a state of the transaction that there is not",
        Buffer.concat([parsed, message("C", "SELECT 0"), message("Z", Buffer.from("X"))]),
        /"Z" came/
      ]
    ]
    for (const [name, says, problem] of cases) {
      const { lost } = driven({ says: [says], stays: true }, query("select 1 as n"))
      assert.strictEqual(lost?.reason._tag, "ProtocolViolation", name)
      assert.match(lost?.message ?? "", problem, name)
    }
  })

  it("a length that is claimed takes no memory before its bytes come", () => {
    const { lost, socket } = driven({ says: [Buffer.from([0x44, 0x3f, 0xff, 0xff, 0xff, 1, 2, 3])] }, query("select 1"))
    assert.strictEqual(lost?.reason._tag, "ConnectionLost")
    assert.isAtMost(socket.largestRead, 64 * 1024)
  })

  it("a reset while reading or writing is a lost connection, with what the server said before", () => {
    const says = Buffer.concat([parsed, message("D", int16(1), int32(4), int32(7)), message("C", "SELECT 1"), ready])
    const last = errorMessage("FATAL", "57P01", "shut down")
    const first = query("select 7 as n")
    const { lost } = driven({ says: [says], readErrno: constants.errno.ECONNRESET }, first, query("select 8"))
    assert.match(lost?.message ?? "", /ECONNRESET/)
    assert.deepStrictEqual(first.rows, [{ n: 7 }])
    const broken = driven({ says: [last], writeErrno: constants.errno.EPIPE }, query("select 7"))
    assert.strictEqual(broken.lost?.code, "57P01")
    const silent = driven({ says: [], stays: true, writeErrno: constants.errno.EPIPE }, query("select 7"))
    assert.match(silent.lost?.message ?? "", /EPIPE/)
  })

  it("while an exchange is paused no more than a buffer is read", () => {
    const value = Buffer.alloc(1000)
    const row = message("D", int16(1), int32(1000), value)
    const columns = message("T", int16(1), "n", int32(0), int16(0), int32(17), int16(-1), int32(-1), int16(1))
    const says = Buffer.concat([message("1"), message("2"), columns, ...Array.from({ length: 1000 }, () => row)])
    const asked = query("select n", [], { chunk: 1 })
    asked.react = () => (asked.paused = true)
    const socket = new ScriptedSocket({ says: [Buffer.concat([ready, says])], stays: true })
    const driver = new WireDriver(socket, 1, types, new Events())
    driver.sync(query(""))
    driver.send(asked)
    for (let steps = 0; steps < 100; steps++) {
      assert.strictEqual(driver.receive(), undefined)
      driver.deliver()
    }
    assert.isTrue(driver.paused)
    assert.strictEqual(asked.rows.length, 1)
    assert.isAtLeast(socket.unread, says.length - 2 * 64 * 1024)
  })

  it("what came before the end of the socket is handed out before the connection is lost, also after a pause", () => {
    const row = message("D", int16(1), int32(4), int32(7))
    const says = Buffer.concat([parsed, row, row, message("C", "SELECT 2"), ready])
    const asked = query("select 7 as n", [], { chunk: 1 })
    const socket = new ScriptedSocket({ says: [ready, says] })
    const driver = new WireDriver(socket, 1, types, new Events())
    driver.sync(query(""))
    assert.strictEqual(driver.receive(), undefined)
    driver.deliver()
    asked.react = () => (asked.paused = true)
    driver.send(asked)
    socket.next()
    for (let steps = 0; steps < 5; steps++) {
      assert.strictEqual(driver.receive(), undefined)
      driver.deliver()
    }
    assert.strictEqual(asked.rows.length, 1)
    asked.react = () => {}
    asked.paused = false
    driver.deliver()
    assert.deepStrictEqual(asked.rows, [{ n: 7 }, { n: 7 }])
    assert.strictEqual(driver.receive()?.reason._tag, "ConnectionLost")
  })

  it("the output does not grow when the socket is never empty", () => {
    const socket = new ScriptedSocket({
      says: [ready, message("G", Uint8Array.of(0), int16(0))],
      stays: true,
      takes: [70_000, 0]
    })
    const driver = new WireDriver(socket, 1, types, new Events())
    const begun = script("copy t from stdin")
    driver.sync(query(""))
    driver.receive()
    driver.deliver()
    driver.send(begun)
    socket.next()
    driver.receive()
    driver.deliver()
    assert.strictEqual(begun.heard.length, 1)
    const piece = Buffer.alloc(50_000)
    let taken = 0
    while (taken < 20_000_000) {
      if (driver.copyData(piece)) taken += piece.length
      // It never takes all that there is.
      else assert.isFalse(driver.flush())
    }
    assert.isBelow(socket.largestWrite, 2_000_000)
  })

  it("after it was closed nothing is read or written", () => {
    const { driver, socket } = driven({ says: [], stays: true })
    const sent = socket.sent.length
    driver.close()
    driver.close()
    assert.strictEqual(socket.finished, 1)
    assert.isTrue(driver.flush())
    assert.strictEqual(driver.receive()?.reason._tag, "Closed")
    assert.strictEqual(socket.sent.length, sent)
    assert.strictEqual(driver.parameterStatus("server_version"), undefined)
  })
})
