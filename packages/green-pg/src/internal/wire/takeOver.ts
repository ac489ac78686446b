/**
 * The switch from libpq to the wire driver, right after libpq has connected.
 *
 * Called by who connects, once `PQconnectPoll` has said OK and before anything was asked.
 */
import * as Protocol from "green-core/Protocol"
import type { Handle, LibpqFunctions } from "../../Libpq.ts"
import { PgError, type PgErrorReason } from "../../PgError.ts"
import type { PgTypes } from "../../PgTypes.ts"
import type { Driver, DriverEvents } from "../Driver.ts"
import { Unowned } from "../Unowned.ts"
import { notTakenOver } from "../failures.ts"
import { WireDriver, type WireLibpq } from "./WireDriver.ts"

/** What it calls of libpq, and what the driver calls later. */
export type TakeOverLibpq = WireLibpq &
  Pick<LibpqFunctions, "PQsslInUse" | "PQgssEncInUse" | "PQisBusy" | "PQnotifies" | "PQsetnonblocking">

/**
 * A wire driver on the socket of the connection. From then on libpq is to be asked for nothing but to cancel; `close`
 * ends it.
 *
 * libpq may have read ahead, so what it holds is parsed by it, and then a Sync is sent: if nothing but whole messages
 * come up to its answer, no message was cut in two between libpq and us.
 *
 * Throws a `PgError`, and the connection stays the caller's: `Unsupported` when the connection is encrypted or speaks
 * another encoding than UTF-8 (nothing was sent: libpq can go on with it), `ConnectionLost` when it cannot be used.
 */
export function* takeOver(
  libpq: TakeOverLibpq,
  connection: Handle,
  types: PgTypes,
  events: DriverEvents
): Protocol.Protocol<Driver> {
  const refused = refusal(libpq, connection)
  if (refused !== undefined) throw notTakenOver(refused)
  parseBuffered(libpq, connection, events)
  // Or else `PQfinish` could wait for the socket to take its goodbye.
  libpq.PQsetnonblocking(connection, 1)
  const driver = new WireDriver(libpq, connection, types, events)
  let answered = false
  driver.sync(new Unowned({ _tag: "Script", sql: "" }, () => (answered = true)))
  while (!answered) {
    yield Protocol.request(driver.socket, driver.flush() ? "read" : "readwrite")
    const lost = driver.receive()
    if (lost !== undefined) throw lost
    try {
      driver.deliver()
    } catch (thrown) {
      throw thrown instanceof PgError && thrown.reason._tag === "ProtocolViolation"
        ? cut(thrown.reason.problem)
        : thrown
    }
  }
  return driver
}

const refusal = (libpq: TakeOverLibpq, connection: Handle): PgErrorReason | undefined => {
  const feature = "the wire driver"
  if (libpq.PQsslInUse(connection) !== 0) return { _tag: "Unsupported", feature, problem: "TLS is in use" }
  if ((libpq.PQgssEncInUse?.(connection) ?? 0) !== 0) {
    return { _tag: "Unsupported", feature, problem: "GSSAPI encryption is in use" }
  }
  const encoding = libpq.PQparameterStatus(connection, "client_encoding")
  if (encoding !== null && encoding !== "UTF8") {
    return { _tag: "Unsupported", feature, problem: `client_encoding is ${encoding}, not UTF8` }
  }
  return undefined
}

const parseBuffered = (libpq: TakeOverLibpq, connection: Handle, events: DriverEvents): void => {
  libpq.PQisBusy(connection)
  for (let next = libpq.PQnotifies(connection); next !== undefined; next = libpq.PQnotifies(connection)) {
    events.onNotification(next)
  }
}

const cut = (problem: string): PgError =>
  notTakenOver({ _tag: "ConnectionLost", problem: `libpq had read a part of a message (${problem}); connect again` })
