/**
 * The clients that the measures compare: sessions of green-http and an agent of undici's, and the server that they ask,
 * which is another process.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { GreenHttp, HttpExchange, UndiciExchange } from "green-http"
import { fork } from "node:child_process"
import { once } from "node:events"
import { fileURLToPath } from "node:url"
import { Agent } from "undici"

const programs = {
  small: new URL("server.ts", import.meta.url),
  large: new URL("large.ts", import.meta.url)
}

/** The URL of a server: `small` answers forty-two bytes, `large` as many as its path says. */
export const server = (kind: keyof typeof programs): Effect.Effect<URL, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.promise(async () => {
        const child = fork(fileURLToPath(programs[kind]))
        const [port]: ReadonlyArray<number> = await once(child, "message")
        return { child, port }
      }),
      ({ child }) => Effect.sync(() => child.kill())
    ),
    ({ port }) => new URL(`http://127.0.0.1:${port}/`)
  )

/** A session over connections of its own: any number of them unless said. */
export const session = (
  options: GreenHttp.SessionOptions = {},
  network: UndiciExchange.UndiciOptions = {}
): Effect.Effect<GreenHttp.GreenHttp, never, Scope.Scope> =>
  Effect.orDie(
    Effect.provideServiceEffect(GreenHttp.make({ ...options, green: true }), HttpExchange, UndiciExchange.make(network))
  )

/** An agent of undici's, which has any number of connections unless said. */
export const agent = (connections?: number): Effect.Effect<Agent, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => new Agent(connections === undefined ? {} : { connections })),
    (agent) => Effect.promise(() => agent.destroy())
  )
