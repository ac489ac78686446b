/**
 * How a session opens a WebSocket: its own policies around the handshake, and the connection for as long as a scope.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { failure, type HttpError } from "../../HttpError.ts"
import type { Exchange } from "../../HttpExchange.ts"
import type { Upgrade } from "../../Upgrade.ts"
import type { WebSocketOptions } from "../../WebSocket.ts"
import type { Session } from "../Session.ts"
import { timerOf } from "../timer.ts"
import { Connection } from "./Connection.ts"
import { type Answer, shakeHands, unofferable } from "./handshake.ts"

export interface Opener {
  readonly upgrade: Upgrade | undefined
  /** The session over another exchange: its headers, cookies, auth, hooks and time-outs. */
  readonly over: (exchange: Exchange) => Session
}

export const open = (
  opener: Opener,
  to: string | URL,
  options: WebSocketOptions
): Effect.Effect<Connection, HttpError, Scope.Scope> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.flatMap(Effect.scope, (parent) =>
      // A scope of its own: what failed, and what is closed, is not kept in that of the caller.
      Effect.flatMap(Scope.fork(parent), (scope) =>
        Effect.onExit(restore(connect(opener, to, options, scope)), (exit) =>
          exit._tag === "Success"
            ? Scope.addFinalizerExit(scope, (end) => release(exit.value, end))
            : Scope.close(scope, exit)
        )
      )
    )
  )

const connect = (
  { over, upgrade }: Opener,
  to: string | URL,
  options: WebSocketOptions,
  scope: Scope.Closeable
): Effect.Effect<Connection, HttpError> =>
  Effect.withFiber((fiber) => {
    const at = { method: "GET", url: to }
    if (upgrade === undefined) {
      const problem = "its handler has no upgrade, which a WebSocket needs; UndiciExchange has"
      return Effect.fail(failure(at, { _tag: "Unsupported", problem }))
    }
    const { maxMessageBytes = 64 * 1024 * 1024, protocols = [], timeouts, ...asked } = options
    const offered = typeof protocols === "string" ? [protocols] : protocols
    const problem = unofferable(offered)
    if (problem !== undefined) return Effect.fail(failure(at, { _tag: "InvalidRequest", problem }))

    let agreed: Answer["agreed"]
    const exchange: Exchange = (request) =>
      Effect.map(Scope.provide(shakeHands(upgrade, request, offered), scope), (answer) => {
        agreed = answer.agreed
        return answer.response
      })
    const request = { ...asked, ...(timeouts === undefined ? {} : { timeouts }), redirects: 0 }
    return Effect.flatMap(over(exchange).ask("GET", toHttp(to), request), (response) =>
      Effect.flatMap(response.discard, () => {
        const { status } = response
        if (agreed === undefined || status !== 101) return Effect.fail(failure(response, { _tag: "Status", status }))
        return Effect.succeed(
          new Connection({
            ...agreed,
            url: new URL(response.url),
            maxMessageBytes,
            closeTimeout: Duration.toMillis(timeouts?.close ?? "2 seconds"),
            timer: timerOf(fiber),
            gone: () => Effect.runFork(Scope.close(scope, Exit.void))
          })
        )
      })
    )
  })

/** Normal closure, or going away (RFC 6455, 7.4.1): when the program has failed, or was interrupted. */
const release = (connection: Connection, end: Exit.Exit<unknown, unknown>): Effect.Effect<void> =>
  Effect.ignore(connection.close(end._tag === "Success" ? 1000 : 1001))

/** The handshake is HTTP's, and so is the origin. */
const toHttp = (url: string | URL): string | URL => {
  const text = typeof url === "string" ? url : url.href
  return /^\s*wss?:/i.test(text) ? text.replace(/^\s*ws/i, "http") : url
}
