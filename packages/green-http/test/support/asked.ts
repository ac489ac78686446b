/**
 * Servers and applications that tell what they were asked.
 */
import * as Schema from "effect/Schema"
import { MemoryExchange } from "green-http"
import { bodyOf, serve } from "./server.ts"

/** Answers with what was asked. */
export const echo = serve(async (request, response) => {
  const { headers, method, rawHeaders, url } = request
  response.end(JSON.stringify({ method, url, headers, rawHeaders, body: await bodyOf(request) }))
})

export const Asked = Schema.Struct({
  method: Schema.String,
  url: Schema.String,
  headers: Schema.Record(Schema.String, Schema.String),
  rawHeaders: Schema.Array(Schema.String),
  body: Schema.String
})

/** Any host, over http and https: a path that begins with a status redirects to what follows it. */
export const redirecting = (seen: Array<string>) =>
  MemoryExchange.layer((request) => {
    const { host, pathname, protocol, search } = new URL(request.url)
    const { headers, method } = request
    seen.push(`${method} ${protocol}//${host}${pathname} ${headers.get("authorization") ?? "-"}`)
    const [, status, location] = /^\/(30\d)\/(.*)$/.exec(pathname) ?? []
    if (status === undefined || location === undefined) return new Response(null)
    return new Response("moved", {
      status: Number(status),
      headers: { location: decodeURIComponent(location) + search }
    })
  })
