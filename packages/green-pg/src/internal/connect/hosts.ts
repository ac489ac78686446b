/**
 * Hosts, as libpq reads the lists `host`, `hostaddr` and `port`.
 */
import * as Result from "effect/Result"
import type { InvalidOption } from "../../ConnectOptions.ts"
import { checked, invalid, isSocket, type Said } from "./checks.ts"

/** An empty `host` without an `address` is the Unix socket of the system, wherever libpq has it. */
export interface Host {
  readonly host: string
  readonly address: string
  readonly port: number
}

export const hosts = (
  lists: Readonly<Record<"host" | "hostaddr" | "port", Said>>
): Result.Result<ReadonlyArray<Host>, InvalidOption> =>
  Result.gen(function* () {
    const names = split((yield* checked("host", lists.host)).value)
    const addresses = split((yield* checked("hostaddr", lists.hostaddr)).value)
    const ports = split(lists.port.value)
    const count = Math.max(addresses.length || names.length, 1)
    if (names.length > 0 && names.length !== count) {
      return yield* invalid(lists.host.option, `${names.length} hosts for ${count} addresses; give one for each`)
    }
    if (ports.length > 1 && ports.length !== count) {
      return yield* invalid(lists.port.option, `${ports.length} ports for ${count} hosts; give one, or one for each`)
    }
    const found: Array<Host> = []
    for (let index = 0; index < count; index++) {
      const port = (ports.length > 1 ? ports[index] : ports[0]) ?? ""
      found.push({
        host: names[index] ?? "",
        address: addresses[index] ?? "",
        port: yield* number({ option: lists.port.option, value: port })
      })
    }
    return found
  })

/** A host as people read it, at one of its addresses. */
export const describeHost = ({ address, host, port }: Host): string => {
  if (address !== "") return `${host === "" || host === address ? address : `${host} (${address})`}, port ${port}`
  if (host === "") return `the default socket, port ${port}`
  return isSocket(host) ? `socket ${host}/.s.PGSQL.${port}` : `${host}, port ${port}`
}

const split = (list: string): ReadonlyArray<string> => (list === "" ? [] : list.split(","))

const number = ({ option, value }: Said): Result.Result<number, InvalidOption> => {
  if (value === "") return Result.succeed(5432)
  const port = /^\s*\d+\s*$/.test(value) ? Number(value) : NaN
  if (port >= 1 && port <= 65_535) return Result.succeed(port)
  // What is no number at all may be a password, of a URI in which it was not encoded.
  const shown = Number.isFinite(Number(value)) ? `${value} is no port: ` : ""
  return invalid(option, `${shown}a port is an integer from 1 to 65535`)
}
