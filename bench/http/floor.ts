/**
 * The least that the same GET can cost over undici, fifty on the way: `dispatch` with a handler that only keeps the
 * chunks, by a promise for each request, and within a fiber. All of it is told, none of it judged.
 */
import * as Effect from "effect/Effect"
import { type Dispatcher, request } from "undici"
import { fibers, promises } from "../concurrently.ts"
import type { Measure, Scale } from "../harness.ts"
import { agent, server, session } from "./clients.ts"
import { measured, row } from "./slices.ts"

/** Takes the body whole, and looks at nothing else. */
class Whole implements Dispatcher.DispatchHandler {
  readonly #chunks: Array<Uint8Array> = []
  readonly #done: (bytes: Uint8Array) => void
  readonly #failed: (error: Error) => void

  constructor(done: (bytes: Uint8Array) => void, failed: (error: Error) => void) {
    this.#done = done
    this.#failed = failed
  }

  onRequestStart(): void {}
  onResponseStart(): void {}
  onResponseData(_: Dispatcher.DispatchController, chunk: Uint8Array): void {
    this.#chunks.push(chunk)
  }
  onResponseEnd(): void {
    const [first] = this.#chunks
    this.#done(this.#chunks.length === 1 && first !== undefined ? first : Buffer.concat(this.#chunks))
  }
  onResponseError(_: Dispatcher.DispatchController, error: Error): void {
    this.#failed(error)
  }
}

const rows = Effect.fnUntraced(function* (scale: Scale) {
  const url = yield* server("small")
  const http = yield* session()
  const dispatcher = yield* agent()
  const { origin } = url
  const asked = { origin, path: "/", method: "GET" } as const

  const ours = fibers(
    "green-http",
    Effect.flatMap(http.get(url), ({ bytes }) => bytes)
  )
  const base = promises("undici.request", async () => (await request(url, { dispatcher })).body.arrayBuffer())
  const bare = promises(
    "undici.dispatch",
    () => new Promise((resolve, reject) => dispatcher.dispatch(asked, new Whole(resolve, reject)))
  )
  const fiber = fibers(
    "undici.dispatch in a fiber",
    Effect.callback<Uint8Array, Error>((resume) => {
      const handler = new Whole(
        (bytes) => resume(Effect.succeed(bytes)),
        (error) => resume(Effect.fail(error))
      )
      dispatcher.dispatch(asked, handler)
    })
  )

  const result = yield* Effect.promise(() =>
    measured(scale, { requests: scale.count(8_000), concurrency: 50, rounds: 9 }, [ours, base, bare, fiber])
  )
  return [
    row("CPU per request", "floor: undici.dispatch", result(bare), result(base)),
    row("CPU per request", "floor: undici.dispatch in a fiber", result(fiber), result(base)),
    row("CPU per request", "GET against the floor", result(ours), result(fiber)),
    row("requests a second", "GET against the floor", result(ours), result(fiber))
  ]
})

export const measure: Measure = (scale) => Effect.runPromise(Effect.scoped(rows(scale)))
