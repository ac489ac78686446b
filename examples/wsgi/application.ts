/**
 * The job: an application as those of WSGI, a synchronous function from a request to a response. What it needs it asks
 * for and has, at any depth.
 */
import { perform } from "green-blocking/worker"
import { Host } from "./operations.ts"

const { News, Visit } = perform(Host)

export interface Request {
  readonly method: string
  readonly path: string
  readonly body: string
}

export interface Response {
  readonly status: number
  readonly body: string
}

export const application = ({ body, method, path }: Request): Response => {
  if (path === "/news") return ok(News())
  if (method === "POST") return ok(body.split("\n").map(shout).join("\n"))
  const page = pages.find((each) => each.path === path)
  return page === undefined ? { status: 404, body: "nothing here" } : ok(page.view())
}

const ok = (body: string): Response => ({ status: 200, body })

const pages = ["/", "/about"].map((path) => ({ path, view: () => `visit ${Visit({ page: path })} of ${path}` }))

const shout = (line: string): string => `${line.toUpperCase()}! (${Visit({ page: "shouts" })})`
