/**
 * What `HttpExchange` asks of every handler: each sentence a law, with a server written for it. See `laws.test.ts`.
 */
import { describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Exchange, ExchangeRequest, ExchangeResponse, HttpError } from "green-http"
import type { FetchHandler } from "green-http/MemoryExchange"
import type { RequestListener } from "node:http"

/**
 * What not every handler has. A law that needs one which the handler does not claim is skipped by name.
 *
 * - `"server"`: there is a server behind it, which sees what happens.
 * - `"node"`: that is a listener of node:http.
 * - `"breaks"`: the server can hang up, rather than answer.
 * - `"any method"`: methods are any tokens.
 * - `"any name"`: names of fields are any tokens, such as `__proto__`.
 * - `"reason"`: the status text comes along.
 * - `"latin1"`: the values of fields may have characters beyond ASCII.
 * - `"order"`: the fields of a response keep their order, those of one name too.
 * - `"trailers"`: they come along.
 */
export type Capability =
  | "server"
  | "node"
  | "breaks"
  | "any method"
  | "any name"
  | "reason"
  | "latin1"
  | "order"
  | "trailers"

/** An exchange, and the URL under which it has its server. */
export class Peer {
  readonly exchange: Exchange
  readonly url: URL

  constructor(exchange: Exchange, url: URL) {
    this.exchange = exchange
    this.url = url
  }

  ask(path: string, request: Partial<Omit<ExchangeRequest, "url">> = {}): Effect.Effect<ExchangeResponse, HttpError> {
    return this.exchange({ method: "GET", headers: [], ...request, url: new URL(path, this.url) })
  }

  /** The whole body of the response. */
  text(path: string, request?: Partial<Omit<ExchangeRequest, "url">>): Effect.Effect<string, HttpError> {
    return Effect.map(Effect.flatMap(this.ask(path, request), read), String)
  }
}

/** Starts the server of a law. */
export interface Open {
  readonly fetch: (handler: FetchHandler) => Effect.Effect<Peer, never, Scope.Scope>
  readonly node: (listener: RequestListener) => Effect.Effect<Peer, never, Scope.Scope>
}

export interface Law {
  readonly name: string
  readonly needs: ReadonlyArray<Capability>
  readonly check: (open: Open) => Effect.Effect<void, unknown, Scope.Scope>
}

export interface Subject {
  readonly name: string
  readonly capabilities: ReadonlyArray<Capability>
  /** Checks a law, once or more, with servers of this handler's kind. */
  readonly over: (check: Law["check"]) => Effect.Effect<void, unknown, Scope.Scope>
}

export const law = (name: string, needs: Law["needs"], check: Law["check"]): Law => ({ name, needs, check })

/** All of the laws, of one handler. A law that is not over in time is told from one that fails. */
export const describeLaws = (subject: Subject, laws: ReadonlyArray<Law>): void => {
  describe(subject.name, () => {
    for (const { check, name, needs } of laws) {
      const missing = needs.filter((capability) => !subject.capabilities.includes(capability))
      const title = missing.length === 0 ? name : `${name} (not here: ${missing.join(", ")})`
      it.live.skipIf(missing.length > 0)(title, () => Effect.timeout(Effect.scoped(subject.over(check)), "60 seconds"))
    }
  })
}

/** Pulls a body to its end. */
export const read = ({ body }: ExchangeResponse): Effect.Effect<Buffer, HttpError> =>
  Effect.gen(function* () {
    const chunks: Array<Uint8Array> = []
    for (;;) {
      const pulled = yield* body.pull
      if (pulled === undefined) return Buffer.concat(chunks)
      chunks.push(...pulled)
    }
  })

/** Waits for something that has to come. */
export const until = (condition: () => boolean): Effect.Effect<void> =>
  Effect.asVoid(Effect.repeat(Effect.sleep(2), { until: condition }))

/** Waits until a count has come to rest, above zero. */
export const rest = (count: () => number): Effect.Effect<number> =>
  Effect.gen(function* () {
    let last = 0
    let same = 0
    while (same < 10) {
      yield* Effect.sleep(5)
      same = count() === last && last > 0 ? same + 1 : 0
      last = count()
    }
    return last
  })

/** So many bytes, of which no two pieces are the same. */
export const bytes = (length: number): Uint8Array =>
  Uint8Array.from({ length }, (_, index) => (index * 31 + (index >> 8) * 17) & 0xff)
