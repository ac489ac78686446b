/**
 * Downloads of 10 MB, one after the other, as a Stream whose every chunk is looked at: by the clock, against
 * `undici.dispatch` with a handler that only counts, and against `undici.request` with `for await`. The fastest slices
 * are compared.
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { type Dispatcher, request } from "undici"
import { alternate, type Measure, type Row, type Scale, type Side, summary, type Target } from "../harness.ts"
import { agent, server, session } from "./clients.ts"

const size = 10_000_000

/** Counts the bytes. */
class Counting implements Dispatcher.DispatchHandler {
  #received = 0
  readonly #done: (bytes: number) => void
  readonly #failed: (error: Error) => void

  constructor(done: (bytes: number) => void, failed: (error: Error) => void) {
    this.#done = done
    this.#failed = failed
  }

  onRequestStart(): void {}
  onResponseStart(): void {}
  onResponseData(_: Dispatcher.DispatchController, chunk: Uint8Array): void {
    this.#received += chunk.byteLength
  }
  onResponseEnd(): void {
    this.#done(this.#received)
  }
  onResponseError(_: Dispatcher.DispatchController, error: Error): void {
    this.#failed(error)
  }
}

/** So many downloads; the figure is in MB a second. */
const side = (name: string, downloads: number, download: () => Promise<number>): Side => ({
  name,
  round: async () => {
    const start = performance.now()
    for (let count = 0; count < downloads; count++) {
      const received = await download()
      if (received !== size) throw new Error(`${name} received ${received} bytes of ${size}`)
    }
    return (downloads * size) / 1e3 / (performance.now() - start)
  }
})

const rows = Effect.fnUntraced(function* (full: Scale) {
  const scale = { ...full, warmUps: Math.min(full.warmUps, 2), rounds: Math.min(full.rounds, 15) }
  const url = new URL(String(size), yield* server("large"))
  const http = yield* session()
  const dispatcher = yield* agent()
  const downloads = Math.min(scale.count(15), 15)

  const received = (read: (stream: Stream.Stream<Uint8Array, unknown>, count: (bytes: Uint8Array) => void) => Run) =>
    Effect.runPromise(
      Effect.flatMap(http.get(url), ({ stream }) => {
        let received = 0
        return Effect.map(
          read(stream, ({ byteLength }) => (received += byteLength)),
          () => received
        )
      })
    )
  const each = side("Stream.runForEach", downloads, () =>
    received((stream, count) => Stream.runForEach(stream, (chunk) => Effect.sync(() => count(chunk))))
  )
  const arrays = side("Stream.runForEachArray", downloads, () =>
    received((stream, count) => Stream.runForEachArray(stream, (chunks) => Effect.sync(() => chunks.forEach(count))))
  )
  const dispatch = side(
    "undici.dispatch",
    downloads,
    () =>
      new Promise((resolve, reject) => {
        const asked = { origin: url.origin, path: url.pathname, method: "GET" } as const
        dispatcher.dispatch(asked, new Counting(resolve, reject))
      })
  )
  const forAwait = side("undici.request, for await", downloads, async () => {
    const { body } = await request(url, { dispatcher })
    let received = 0
    for await (const chunk of body) if (chunk instanceof Uint8Array) received += chunk.byteLength
    return received
  })

  const figures = yield* Effect.promise(() => alternate(scale, [each, arrays, dispatch, forAwait]))
  const speed = (side: Side) => summary(figures(side)).most
  const row = (measure: string, ours: Side, against: Side, target?: Target): Row => {
    const ratio = speed(ours) / speed(against)
    return {
      measure,
      ours: `${speed(ours).toFixed(0)} MB/s`,
      against: `${against.name}: ${speed(against).toFixed(0)} MB/s`,
      unit: "x",
      figure: { median: ratio, least: ratio, most: ratio },
      ...(target === undefined ? {} : { target })
    }
  }
  return [
    row("download of 10 MB, each chunk", each, dispatch, { relation: ">=", must: 0.9, aim: 0.97 }),
    row("download of 10 MB, each chunk", each, forAwait, { relation: ">=", must: 1.2, aim: 1.4 }),
    row("download of 10 MB, arrays of chunks", arrays, dispatch),
    row("download of 10 MB, arrays of chunks", arrays, forAwait)
  ]
})

type Run = Effect.Effect<void, unknown>

export const measure: Measure = (scale) => Effect.runPromise(Effect.scoped(rows(scale)))
