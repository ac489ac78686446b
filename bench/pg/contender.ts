/**
 * The process of a client: `contender.ts <server> <contestant>`, both as JSON. Says that it is connected; then performs
 * the task of every message, and answers what it took. Started by `contest.ts`.
 */
import * as Effect from "effect/Effect"
import { once } from "node:events"
import type { Contestant, Open, Slice, Task } from "./contest.ts"
import { cpuTime, type Server } from "./server.ts"
import type { Works } from "./works.ts"

/** Only what is measured is loaded. */
const clients: Readonly<Record<Contestant["client"], () => Promise<{ readonly open: Open }>>> = {
  "green-pg": () => import("./clients/greenPg.ts"),
  "sql-pg": () => import("./clients/sqlPg.ts"),
  pg: () => import("./clients/pg.ts"),
  postgres: () => import("./clients/postgres.ts"),
  bytes: () => import("./clients/bytes.ts")
}

const [, , first = "", second = ""] = process.argv
const server: Server = JSON.parse(first)
const contestant: Contestant = JSON.parse(second)

const perform = async (works: Works, { concurrency, operations, units = 1, work }: Task): Promise<Slice> => {
  const client = works[work]
  if (client === undefined) throw new Error(`${contestant.client} has no "${work}"`)
  const per = operations * units
  const serverBefore = cpuTime(server)
  const before = process.cpuUsage()
  const start = performance.now()
  await client.slice(operations, concurrency)
  const wall = ((performance.now() - start) * 1000) / per
  const { system, user } = process.cpuUsage(before)
  const serverAfter = cpuTime(server)
  return {
    wall,
    cpu: (user + system) / per,
    server: serverBefore === undefined || serverAfter === undefined ? undefined : (serverAfter - serverBefore) / per
  }
}

const program = Effect.gen(function* () {
  const { open } = yield* Effect.promise(clients[contestant.client])
  const works = yield* open(server, contestant)
  process.send?.("connected")
  for (;;) {
    const [task]: ReadonlyArray<Task> = yield* Effect.promise(() => once(process, "message"))
    if (task !== undefined) process.send?.(yield* Effect.promise(() => perform(works, task)))
  }
})

// Its connections would keep it up when nobody asks any more.
process.once("disconnect", () => process.exit())
await Effect.runPromise(Effect.scoped(program))
