/**
 * The Link header (RFC 8288).
 *
 * @since 0.1.0
 */
import type { RawHeaders } from "./HttpExchange.ts"
import { getAll } from "./HttpHeaders.ts"

/**
 * One link: where it leads, and its parameters, `rel` among them, names in lower case.
 *
 * @category models
 * @since 0.1.0
 */
export interface Link {
  readonly url: string
  readonly parameters: ReadonlyMap<string, string>
}

/**
 * The links of a response, relative ones resolved. What cannot be understood is left out.
 *
 * @category getters
 * @since 0.1.0
 */
export const parse = (headers: RawHeaders, base: URL): ReadonlyArray<Link> => {
  const links: Array<Link> = []
  for (const value of getAll(headers, "link")) {
    for (const [, target = "", parameters = ""] of value.matchAll(
      /<([^>]*)>((?:\s*;[^,;"]*(?:"(?:[^"\\]|\\.)*")?)*)/g
    )) {
      const url = URL.parse(target.trim(), base)
      if (url === null) continue
      const found = new Map<string, string>()
      for (const [, name = "", quoted, plain] of parameters.matchAll(
        /;\s*([^\s=;,]+)\s*(?:=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;,]*)))?/g
      )) {
        const key = name.toLowerCase()
        // Of several the first counts (3.3).
        if (!found.has(key)) found.set(key, quoted?.replace(/\\(.)/g, "$1") ?? plain ?? "")
      }
      links.push({ url: url.href, parameters: found })
    }
  }
  return links
}
