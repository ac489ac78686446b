/**
 * A GET of a small body, read whole, by connections that are kept: fifty requests on the way, and one. The server is
 * another process. The base is `undici.request` with an agent of its own; both may have fifty connections.
 *
 * Clients and server share two cores, so the cheapest slices are compared, and the fastest.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import { GreenHttp, HttpExchange, UndiciExchange } from "green-http"
import { fork } from "node:child_process"
import { once } from "node:events"
import { fileURLToPath } from "node:url"
import { Agent, request } from "undici"
import { alternate, cpuSide, type Measure, type Row, type Scale, type Side, summary, type Target } from "../harness.ts"

const server = Effect.map(
  Effect.acquireRelease(
    Effect.promise(async () => {
      const child = fork(fileURLToPath(new URL("server.ts", import.meta.url)))
      const [port]: ReadonlyArray<number> = await once(child, "message")
      return { child, port }
    }),
    ({ child }) => Effect.sync(() => child.kill())
  ),
  ({ port }) => new URL(`http://127.0.0.1:${port}/`)
)

const rows = Effect.fnUntraced(function* (full: Scale) {
  const scale = { ...full, warmUps: Math.min(full.warmUps, 2), rounds: Math.min(full.rounds, 11) }
  const url = yield* server
  const agent = yield* Effect.acquireRelease(
    Effect.sync(() => new Agent({ connections: 50 })),
    (agent) => Effect.promise(() => agent.destroy())
  )
  const http = yield* Effect.provideServiceEffect(
    GreenHttp.make(),
    HttpExchange,
    UndiciExchange.make({ connections: 50 })
  )
  const undiciClient = Context.get(yield* Effect.context<HttpClient.HttpClient>(), HttpClient.HttpClient)

  const clients = {
    "green-http": () => Effect.runPromise(Effect.flatMap(http.get(url), (response) => response.bytes)),
    "undici.request": async () => (await request(url, { dispatcher: agent })).body.arrayBuffer(),
    "effect/http on undici": () =>
      Effect.runPromise(Effect.flatMap(undiciClient.get(url), (response) => response.arrayBuffer)),
    fetch: async () => (await fetch(url)).arrayBuffer()
  }

  const measured = Effect.fnUntraced(function* (concurrency: number, requests: number) {
    const speeds = new Map<string, Array<number>>()
    const sides = Object.entries(clients).map(([name, get]) =>
      cpuSide(name, requests, async () => {
        let sent = 0
        const start = performance.now()
        const client = async () => {
          while (sent++ < requests) await get()
        }
        await Promise.all(Array.from({ length: concurrency }, client))
        const speed = (requests / (performance.now() - start)) * 1000
        speeds.set(name, [...(speeds.get(name) ?? []), speed])
      })
    )
    const figures = yield* Effect.promise(() => alternate(scale, sides))
    const [ours, base, ...others] = sides
    if (ours === undefined || base === undefined) return []
    const cost = (side: Side) => summary(figures(side)).least
    const speed = (side: Side) => summary(speeds.get(side.name) ?? []).most
    const row = (what: "CPU" | "speed", against: Side, target?: Target): Row => {
      const of = what === "CPU" ? cost : speed
      const show = (side: Side) =>
        what === "CPU" ? `${cost(side).toFixed(1)} us` : `${(speed(side) / 1000).toFixed(1)} k/s`
      const ratio = of(ours) / of(against)
      return {
        measure: `GET, ${concurrency} on the way, ${what === "CPU" ? "CPU per request" : "requests a second"}`,
        ours: show(ours),
        against: `${against.name}: ${show(against)}`,
        unit: "x",
        figure: { median: ratio, least: ratio, most: ratio },
        ...(target === undefined ? {} : { target })
      }
    }
    return concurrency === 1
      ? [row("CPU", base, { relation: "<=", must: 1, aim: 0.9 })]
      : [
          row("CPU", base, { relation: "<=", must: 0.9, aim: 0.7 }),
          row("speed", base, { relation: ">=", must: 1.1, aim: 1.4 }),
          ...others.map((other, index) =>
            row("speed", other, { relation: ">=", must: index === 0 ? 2 : 3, aim: index === 0 ? 3 : 5 })
          )
        ]
  })
  return [...(yield* measured(50, scale.count(10_000))), ...(yield* measured(1, scale.count(3_000)))]
})

export const measure: Measure = (scale) =>
  Effect.runPromise(Effect.scoped(Effect.provide(rows(scale), NodeHttpClient.layerUndici)))
