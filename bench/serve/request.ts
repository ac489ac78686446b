/**
 * What a request costs the server: through a pool of 20, against the same handler without one. A hundred connections.
 *
 * The server and its clients share two cores, and a slice of one costs up to twice another of the same. So the cheapest
 * slices are compared; how far that can be trusted is told by a second bare server, compared with the first.
 */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as Effect from "effect/Effect"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import { RunInPool } from "green-pool"
import type { ServerResponse } from "node:http"
import {
  alternate,
  cpuSide,
  type Measure,
  ratioRow,
  type Row,
  type Scale,
  type Side,
  summary,
  type Target
} from "../harness.ts"
import { clients, serve } from "./clients.ts"

const text = "hello, world"
const head = { "content-type": "text/plain", "content-length": text.length }

const sync = (_: unknown, response: ServerResponse): void => {
  response.writeHead(200, head)
  response.end(text)
}

const async_ = async (_: unknown, response: ServerResponse): Promise<void> => {
  await undefined
  response.writeHead(200, head)
  response.end(text)
}

const app = Effect.sync(() => HttpServerResponse.text(text))

const rows = Effect.fnUntraced(function* (full: Scale) {
  const scale = { ...full, warmUps: Math.min(full.warmUps, 2), rounds: Math.min(full.rounds, 15) }
  const requests = scale.count(20_000)
  const load = yield* clients
  const scope = yield* Effect.scope
  const options = { maxWorkers: 20 }

  const side = Effect.fnUntraced(function* (name: string, listener: Parameters<typeof serve>[0]) {
    const port = yield* serve(listener)
    return cpuSide(name, requests, () => load({ port, connections: 100, requests }))
  })
  const bare = yield* side("node:http", sync)
  const again = yield* side("node:http, again", sync)
  const bareAsync = yield* side("node:http, async", async_)
  const pooled = yield* side("RunInPool.node, sync", yield* RunInPool.node(sync, options))
  const pooledAsync = yield* side("RunInPool.node, async", yield* RunInPool.node(async_, options))
  const effect = yield* side("effect/http", yield* NodeHttpServer.makeHandler(app, { scope }))
  const pooledEffect = yield* side(
    "RunInPool.effect",
    yield* NodeHttpServer.makeHandler(yield* RunInPool.effect(app, options), { scope })
  )

  const figures = yield* Effect.promise(() =>
    alternate(scale, [bare, pooled, bareAsync, pooledAsync, again, effect, pooledEffect])
  )
  const row = (ours: Side, against: Side, target?: Target): Row => {
    const least = (side: Side) => summary(figures(side)).least
    const told = ratioRow({ measure: `CPU per request, ${ours.name}`, ours, against, figures, unit: "us" })
    return {
      ...told,
      ours: `${least(ours).toFixed(1)} us`,
      against: `${against.name}: ${least(against).toFixed(1)} us`,
      figure: {
        median: least(ours) / least(against),
        least: told.figure?.least ?? Number.NaN,
        most: told.figure?.most ?? Number.NaN
      },
      ...(target === undefined ? {} : { target })
    }
  }
  return [
    row(pooled, bare, { relation: "<=", must: 1.08, aim: 1.03 }),
    row(pooledAsync, bareAsync, { relation: "<=", must: 1.18, aim: 1.1 }),
    row(pooledAsync, bare),
    row(pooledEffect, bare, { relation: "<=", must: 1.35, aim: 1.2 }),
    row(pooledEffect, effect, { relation: "<=", must: 1.1, aim: 1 }),
    row(effect, bare),
    row(again, bare)
  ]
})

export const measure: Measure = (scale) => Effect.runPromise(Effect.scoped(rows(scale)))
