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

/** Makes sides of so many downloads, whose figure is in MB a second, and keeps the CPU time of each beside. */
const meter = (downloads: number) => {
  const costs = new Map<Side, Array<number>>()
  const side = (name: string, download: () => Promise<number>): Side => {
    const round = async () => {
      const before = process.cpuUsage()
      const start = performance.now()
      for (let count = 0; count < downloads; count++) {
        const received = await download()
        if (received !== size) throw new Error(`${name} received ${received} bytes of ${size}`)
      }
      const milliseconds = performance.now() - start
      const { system, user } = process.cpuUsage(before)
      costs.get(side)?.push((user + system) / downloads)
      return (downloads * size) / 1e3 / milliseconds
    }
    const side: Side = { name, round }
    costs.set(side, [])
    return side
  }
  /** Milliseconds for a download, the least. */
  const cpu = (side: Side): number => summary(costs.get(side) ?? []).least / 1e3
  return { side, cpu }
}

const rows = Effect.fnUntraced(function* (full: Scale) {
  const scale = { ...full, warmUps: Math.min(full.warmUps, 2), rounds: Math.min(full.rounds, 21) }
  const url = new URL(String(size), yield* server("large"))
  const http = yield* session()
  const dispatcher = yield* agent()
  const { cpu, side } = meter(Math.min(scale.count(15), 15))

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
  const each = side("Stream.runForEach", () =>
    received((stream, count) => Stream.runForEach(stream, (chunk) => Effect.sync(() => count(chunk))))
  )
  const arrays = side("Stream.runForEachArray", () =>
    received((stream, count) => Stream.runForEachArray(stream, (chunks) => Effect.sync(() => chunks.forEach(count))))
  )
  const dispatch = side(
    "undici.dispatch",
    () =>
      new Promise((resolve, reject) => {
        const asked = { origin: url.origin, path: url.pathname, method: "GET" } as const
        dispatcher.dispatch(asked, new Counting(resolve, reject))
      })
  )
  const forAwait = side("undici.request, for await", async () => {
    const { body } = await request(url, { dispatcher })
    let received = 0
    for await (const chunk of body) if (chunk instanceof Uint8Array) received += chunk.byteLength
    return received
  })

  const figures = yield* Effect.promise(() => alternate(scale, [each, arrays, dispatch, forAwait]))
  const speed = (side: Side) => summary(figures(side)).most
  const row = (measure: string, ours: Side, against: Side, of: typeof speed, unit: string, target?: Target): Row => {
    const ratio = of(ours) / of(against)
    const digits = unit === "ms" ? 2 : 0
    return {
      measure,
      ours: `${of(ours).toFixed(digits)} ${unit}`,
      against: `${against.name}: ${of(against).toFixed(digits)} ${unit}`,
      unit: "x",
      figure: { median: ratio, least: ratio, most: ratio },
      ...(target === undefined ? {} : { target })
    }
  }
  const download = "download of 10 MB, each chunk"
  return [
    row(download, each, dispatch, speed, "MB/s", { relation: ">=", must: 0.9, aim: 0.97 }),
    row(download, each, forAwait, speed, "MB/s", { relation: ">=", must: 1.2, aim: 1.4 }),
    row("floor: undici.dispatch, download of 10 MB", dispatch, forAwait, speed, "MB/s"),
    row("download of 10 MB, arrays of chunks", arrays, dispatch, speed, "MB/s"),
    row("download of 10 MB, arrays of chunks", arrays, forAwait, speed, "MB/s"),
    row(`${download}, CPU`, each, dispatch, cpu, "ms"),
    row(`${download}, CPU`, each, forAwait, cpu, "ms")
  ]
})

type Run = Effect.Effect<void, unknown>

export const measure: Measure = (scale) => Effect.runPromise(Effect.scoped(rows(scale)))
