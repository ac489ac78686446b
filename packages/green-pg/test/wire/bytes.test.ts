/** The wire driver over bytes in memory: what the protocol does not allow, ends, pauses, a full socket. */
import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { constants } from "node:os"
import { WireDriver } from "../../src/internal/wire/WireDriver.ts"
import { Events, query, type Recorder, script, types } from "./drive.ts"
import { play } from "./replay.ts"
import { errorMessage, int16, int32, message, ready, type Script, ScriptedSocket } from "./ScriptedSocket.ts"

const sizes = (minimum: number, maximum: number) => Schema.Int.check(Schema.isBetween({ minimum, maximum }))
const pieces = Arbitrary.array(Arbitrary.schema(sizes(0, 40)), { maxLength: 12 })

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
        /in the state 88/
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
