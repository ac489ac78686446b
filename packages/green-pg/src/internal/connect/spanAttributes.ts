/**
 * What a connection is made with, as spans and logs may show it: no secrets, and names of OpenTelemetry.
 */
import type { Settings } from "./settings.ts"

/** `server.port` is there if it is the same for all hosts, `server.address` if a host or an address is known. */
export const spanAttributes = ({ hosts, value }: Settings): Readonly<Record<string, string | number>> => {
  const ports = new Set(hosts.map(({ port }) => port))
  const attributes = {
    "server.address": hosts.map(({ address, host }) => host || address).join(","),
    "server.port": ports.size === 1 ? hosts[0]?.port : undefined,
    "db.namespace": value("dbname") || value("user"),
    "db.user": value("user")
  }
  const shown: Record<string, string | number> = {}
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== "" && !/^,+$/.test(String(value))) shown[name] = value
  }
  return shown
}
