/** The switch from libpq to the wire driver, over a scripted socket. */
import { assert, describe, it } from "@effect/vitest"
import { PgError } from "../../src/PgError.ts"
import type { Driver } from "../../src/internal/Driver.ts"
import { takeOver } from "../../src/internal/wire/takeOver.ts"
import { Events, types } from "./drive.ts"
import { errorMessage, message, ready, type Script, ScriptedSocket } from "./ScriptedSocket.ts"

const sync = Buffer.from([0x53, 0, 0, 0, 4])

/** Steps it to its end, or until it has waited a hundred times. */
const taken = (
  script: Script,
  events = new Events()
): { readonly socket: ScriptedSocket; readonly driver: Driver | PgError } => {
  const socket = new ScriptedSocket(script)
  const protocol = takeOver(socket, 1, types, events)
  try {
    let result = protocol.next()
    for (let waits = 0; waits < 100; waits++) {
      if (result.done === true) return { socket, driver: result.value }
      result = protocol.next({ readable: true, writable: true, hangup: false, error: false })
    }
  } catch (thrown) {
    if (thrown instanceof PgError) return { socket, driver: thrown }
    throw thrown
  }
  throw new Error("it waits for ever")
}

const reasonOf = (driver: Driver | PgError) => (driver instanceof PgError ? driver.reason._tag : driver.name)

describe("taking over from libpq", () => {
  it("sends a Sync, and is over when it is answered", () => {
    const { driver, socket } = taken({ says: [ready], stays: true })
    assert.strictEqual(reasonOf(driver), "wire")
    assert.deepStrictEqual(socket.sent, sync)
    assert.isTrue(!(driver instanceof PgError) && driver.outstanding === 0 && driver.transaction === "idle")
  })

  it("works when every byte comes and goes alone", () => {
    const { driver, socket } = taken({ says: [ready], stays: true, pieces: [1, 0], takes: [0, 1] })
    assert.strictEqual(reasonOf(driver), "wire")
    assert.deepStrictEqual(socket.sent, sync)
  })

  it("hands out what the server says by itself meanwhile, and what libpq had parsed", () => {
    const events = new Events()
    const says = Buffer.concat([
      message("S", "TimeZone", "UTC"),
      message("N", "SNOTICE", "VNOTICE", "C00000", "Mhello", Uint8Array.of(0)),
      message("A", 12, "channel", "late"),
      ready
    ])
    const notifications = [{ channel: "channel", processId: 11, payload: "early" }]
    const { driver } = taken({ says: [says], stays: true, notifications }, events)
    assert.strictEqual(reasonOf(driver), "wire")
    assert.isTrue(!(driver instanceof PgError) && driver.parameterStatus("TimeZone") === "UTC")
    assert.deepStrictEqual(events.notices, [{ severity: "NOTICE", code: "00000", message: "hello" }])
    assert.deepStrictEqual(
      events.notifications.map(({ payload }) => payload),
      ["early", "late"]
    )
  })

  it("sees it when libpq has swallowed the front of a message, wherever it was cut", () => {
    for (const whole of [
      message("A", 12, "channel", "the payload of a notification"),
      message("S", "application_name", "psql"),
      message("N", "SNOTICE", "VNOTICE", "C00000", "Mhello", Uint8Array.of(0)),
      errorMessage("FATAL", "57P01", "terminating connection due to administrator command")
    ]) {
      for (let cut = 1; cut < whole.length; cut++) {
        const { driver } = taken({ says: [Buffer.concat([whole.subarray(cut), ready])], stays: true })
        assert.strictEqual(reasonOf(driver), "ConnectionLost", `cut at ${cut}`)
      }
    }
  })

  it("takes no answer to what was not asked", () => {
    const { driver } = taken({ says: [Buffer.concat([message("C", "SELECT 1"), ready])], stays: true })
    assert.strictEqual(reasonOf(driver), "ConnectionLost")
  })

  it("says what the server said, when that ends the connection", () => {
    const { driver } = taken({ says: [errorMessage("FATAL", "57P01", "shut down")] })
    assert.isTrue(driver instanceof PgError && driver.reason._tag === "ConnectionLost" && driver.code === "57P01")
  })

  it("is lost at the end of the socket", () => {
    assert.strictEqual(reasonOf(taken({ says: [new Uint8Array()] }).driver), "ConnectionLost")
    assert.strictEqual(reasonOf(taken({ says: [ready.subarray(0, 4)] }).driver), "ConnectionLost")
  })

  it("refuses encryption and other encodings, and sends nothing then", () => {
    for (const [script, problem] of [
      [{ tls: true }, "TLS is in use"],
      [{ gss: true }, "GSSAPI encryption is in use"],
      [{ encoding: "LATIN1" }, "client_encoding is LATIN1, not UTF8"]
    ] as const) {
      const { driver, socket } = taken({ says: [ready], stays: true, ...script })
      assert.strictEqual(socket.sent.length, 0)
      assert.isTrue(driver instanceof PgError)
      assert.isTrue(
        driver instanceof PgError && driver.reason._tag === "Unsupported" && driver.reason.problem === problem
      )
    }
  })
})
