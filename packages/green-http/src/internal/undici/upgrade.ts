/**
 * One upgrade as undici's dispatcher sees it: an exchange, until the server switches protocols.
 */
import * as Effect from "effect/Effect"
import type { IncomingHttpHeaders } from "node:http"
import type { Duplex } from "node:stream"
import type { Dispatcher } from "undici"
import { failure, type HttpError } from "../../HttpError.ts"
import { HttpExchange } from "../../HttpExchange.ts"
import type { Upgrade, UpgradeRequest, UpgradeResponse } from "../../Upgrade.ts"
import { targetOf } from "../target.ts"
import { type Timer, timerOf } from "../timer.ts"
import { Reply, toRaw } from "./Reply.ts"
import type { Turn, Turns } from "./Turns.ts"

/** Upgrades by a dispatcher, which is asked for when the first one is made. */
export const upgradeBy =
  (dispatcher: () => Dispatcher, turns: Turns): Upgrade =>
  (request) =>
    Effect.withFiber((fiber) => {
      let upgrading: Upgrading | undefined
      // It is in the scope before there is anything to let go of: so nothing falls in between.
      const owned = Effect.addFinalizer(() => Effect.sync(() => upgrading?.close()))
      const performed = Effect.callback<UpgradeResponse, HttpError>((resume) => {
        const turn = turns.of(targetOf(request.url).origin)
        const asked = (upgrading = new Upgrading(request, timerOf(fiber), turn, resume))
        turn.dispatch(() => asked.dispatch(dispatcher()))
        return Effect.sync(() => asked.close())
      })
      return Effect.andThen(owned, performed)
    })

class Upgrading implements Dispatcher.DispatchHandler {
  readonly #request: UpgradeRequest
  readonly #resume: (outcome: Effect.Effect<UpgradeResponse, HttpError>) => void
  /** The response, if it is an ordinary one. */
  readonly #reply: Reply
  #connection: Duplex | undefined

  constructor(
    request: UpgradeRequest,
    timer: Timer,
    turn: Turn,
    resume: (outcome: Effect.Effect<UpgradeResponse, HttpError>) => void
  ) {
    this.#request = request
    this.#resume = resume
    this.#reply = new Reply(request, timer, turn, resume)
  }

  dispatch(dispatcher: Dispatcher): void {
    if (this.#reply.isOver) return
    const { headers, method, protocol, url } = this.#request
    const { origin, path } = targetOf(url)
    try {
      dispatcher.dispatch(
        {
          origin,
          path,
          method,
          headers: [...headers],
          body: null,
          upgrade: protocol,
          headersTimeout: 0,
          bodyTimeout: 0
        },
        this
      )
    } catch (cause) {
      this.onResponseError(undefined, cause instanceof Error ? cause : new Error(String(cause)))
    }
  }

  close(): void {
    this.#reply.abandon()
    this.#connection?.destroy()
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#reply.onRequestStart(controller)
  }

  onRequestUpgrade(
    controller: Dispatcher.DispatchController,
    status: number,
    headers: IncomingHttpHeaders,
    connection: Duplex
  ): void {
    // Nobody else listens, and what it says is told by its close as well.
    connection.on("error", () => {})
    this.#connection = connection
    if (this.#reply.isOver) {
      connection.destroy()
      return
    }
    // No more of it will come by the dispatcher.
    this.#reply.onResponseEnd(controller)
    if (status !== 101) {
      connection.destroy()
      const problem = `it switched protocols with the status ${status}: this needs HTTP/1.1`
      this.#resume(Effect.fail(failure(this.#request, { _tag: "Protocol", code: "UPGRADE", problem })))
      return
    }
    const head = HttpExchange.response(status, toRaw(controller.rawHeaders ?? headers))
    // undici is not done with it yet.
    queueMicrotask(() => this.#resume(Effect.succeed({ ...head, connection })))
  }

  onResponseStart(
    controller: Dispatcher.DispatchController,
    status: number,
    headers: IncomingHttpHeaders,
    statusText?: string
  ): void {
    if (status === 101) {
      const problem = "it switched protocols, and did not say to which"
      controller.abort(failure(this.#request, { _tag: "Protocol", code: "UPGRADE", problem }))
      return
    }
    this.#reply.onResponseStart(controller, status, headers, statusText)
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Uint8Array): void {
    this.#reply.onResponseData(controller, chunk)
  }

  onResponseEnd(controller: Dispatcher.DispatchController): void {
    this.#reply.onResponseEnd(controller)
  }

  onResponseError(controller: Dispatcher.DispatchController | undefined, error: Error): void {
    this.#reply.onResponseError(controller, error)
  }
}
