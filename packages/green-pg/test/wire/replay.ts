/**
 * Requests that meet every message there is, and how a wire driver is played through them over a scripted socket.
 */
import { assert } from "@effect/vitest"
import { isDeepStrictEqual } from "node:util"
import { PgError } from "../../src/PgError.ts"
import { WireDriver } from "../../src/internal/wire/WireDriver.ts"
import { Events, query, Recorder, script, statement, types } from "./drive.ts"
import { type Script, ScriptedSocket } from "./ScriptedSocket.ts"

/** A batch that meets every message there is. */
export const batch = (): ReadonlyArray<Recorder> => {
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

export const scripts = (): ReadonlyArray<Recorder> => [
  script(
    "listen wire_bytes; notify wire_bytes, 'payload'; select 1 as a; insert into b values (1, 'x'); copy b to stdout"
  ),
  script("copy b from stdin; select 1/0")
]

export const copying = (driver: WireDriver, exchanges: ReadonlyArray<Recorder>): void => {
  for (const exchange of exchanges) {
    exchange.react = (heard) => {
      if (typeof heard !== "object" || !("copy" in heard) || heard.copy.direction !== "in") return
      driver.copyData(Buffer.from("3\tthree\n"))
      driver.copyEnd(undefined)
    }
  }
}

/** Steps without waiting; why it was lost, if it was. Many moments without a byte are for ever. */
export const play = (
  driver: WireDriver,
  socket: ScriptedSocket,
  exchanges: ReadonlyArray<Recorder>
): PgError | undefined => {
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

export type Heard = ReadonlyArray<ReadonlyArray<unknown>>

/** Whether what was heard at last is what would have been heard, up to where it fails. */
export const begins = (whole: Heard, early: Heard): boolean =>
  early.every((heard, index) => {
    const failed = heard.findIndex(
      (each) => typeof each === "object" && each !== null && "_tag" in each && each._tag === "ConnectionLost"
    )
    const end = failed < 0 ? heard.length : failed
    return isDeepStrictEqual(heard.slice(0, end), whole[index]?.slice(0, end))
  })

/** Sends one after another what may not be sent together. */
export const replay = (
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
