/**
 * Where a URL leads, as strings: who asks a URL for its parts gets new ones each time, and the same few URLs are asked for
 * again and again.
 */

export interface Target {
  readonly origin: string
  /** With the query: what stands on the request line. */
  readonly path: string
}

const known = new Map<string, Target>()
const most = 256

export const targetOf = (url: URL): Target => {
  const { href } = url
  let target = known.get(href)
  if (target === undefined) {
    target = { origin: url.origin, path: url.pathname + url.search }
    if (known.size >= most) known.clear()
    known.set(href, target)
  }
  return target
}
