/**
 * URIs and conninfo texts, as far as tests need them read. Pure.
 */

/** Throws an error that begins as libpq's. */
export const parse = (conninfo: string): Readonly<Record<string, string>> =>
  /^postgres(ql)?:\/\//.test(conninfo) ? ofUri(conninfo) : ofPairs(conninfo)

const ofUri = (uri: string): Readonly<Record<string, string>> => {
  const found = /^[a-z]+:\/\/(?:([^:@/]*)(?::([^@/]*))?@)?([^/?]*)(?:\/([^?]*))?(?:\?(.*))?$/.exec(uri)
  if (found === null) throw new Error(`unexpected character in "${uri}"`)
  const [, user = "", password = "", places = "", dbname = "", query = ""] = found
  const hosts = places.split(",").map((place) => /^(\[[^\]]*\]|[^:]*)(?::(\d+))?$/.exec(place) ?? [])
  const named = {
    user,
    password,
    dbname,
    host: hosts.map(([, host = ""]) => host.replace(/^\[|\]$/g, "")).join(","),
    port: hosts.map(([, , port = ""]) => port).join(",")
  }
  const pairs = [...Object.entries(named), ...new URLSearchParams(query)]
  return Object.fromEntries(
    pairs.flatMap(([keyword, value]) => {
      const decoded = keyword in named ? decodeURIComponent(value) : value
      return /^,*$/.test(decoded) ? [] : [[keyword, decoded]]
    })
  )
}

const ofPairs = (text: string): Readonly<Record<string, string>> =>
  Object.fromEntries(
    [...text.matchAll(/(\w+)\s*=\s*(?:'((?:[^'\\]|\\.)*)'|(\S*))|(\S+)/g)].map(([, keyword, quoted, bare, stray]) => {
      if (keyword === undefined) throw new Error(`missing "=" after "${stray}"`)
      return [keyword, (quoted ?? bare ?? "").replace(/\\(.)/g, "$1")]
    })
  )

/**
 * What a connection with these keywords would be made with. A host has an address, so that none is looked up: there is
 * no network.
 */
export const complete = (
  keywords: ReadonlyArray<string>,
  values: ReadonlyArray<string>
): Readonly<Record<string, string>> => {
  const given: Record<string, string> = { host: "", port: "5432", user: "scripted", hostaddr: "" }
  keywords.forEach((keyword, index) => (given[keyword] = values[index] ?? ""))
  const { dbname = given["user"] ?? "", host = "", hostaddr = "" } = given
  const addresses = host === "" ? "" : host.split(",").fill("127.0.0.1").join(",")
  return { ...given, dbname, hostaddr: hostaddr === "" ? addresses : hostaddr }
}
