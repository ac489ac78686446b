/**
 * Where a request is meant for: a path that stays a path, and an origin that nobody has slipped in.
 */

/**
 * The path and query of a request target, which begins with one slash: read as a URL, against whatever origin, it stays
 * on that origin. `undefined` if it is no target.
 */
export const pathOf = (target: string): string | undefined => {
  if (isPath(target) || target === "*") return target
  if (target.startsWith("/")) return target.replace(/^[/\\\s]+/, "/")
  const url = URL.parse(target)
  return url === null || !url.pathname.startsWith("/") ? undefined : url.pathname.replace(/^\/+/, "/") + url.search
}

/** Whether it begins with a slash, and with one only. A URL takes a backslash for one, and blanks for nothing. */
export const isPath = (target: string): boolean => {
  if (target.charCodeAt(0) !== 47) return false
  const second = target.charCodeAt(1)
  return second !== 47 && second !== 92 && !(second <= 32)
}

/** The authority that a Host header names, if it is a host with or without a port, and nothing else. */
export const authorityOf = (host: string): string | undefined => {
  if (host === known) return host
  if (!/^([\w.~-]+|\[[\da-fA-F:.]+\])(:\d{1,5})?$/.test(host) || !URL.canParse(`http://${host}`)) return undefined
  known = host
  return host
}

/** The last one, which is mostly the next one. */
let known = ""
