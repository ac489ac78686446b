/**
 * How far a request has come: the bytes of its body that have been sent, and of its response's that have been received.
 *
 * They are counted as they go over the wire: after compression, and before it is undone.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"

/**
 * So many bytes of so many. `total` is `undefined` when nobody knows it before the end.
 *
 * @category models
 * @since 0.1.0
 */
export interface Change {
  readonly direction: "upload" | "download"
  readonly bytes: number
  readonly total: number | undefined
}

/**
 * The progress of one request: given to it as the option `progress`. A second request that it is given to fails with the
 * reason `InvalidRequest`, and so does the same one that is run again.
 *
 * @example
 * ```ts
 * import * as Effect from "effect/Effect"
 * import * as Stream from "effect/Stream"
 * import { GreenHttp, MemoryExchange } from "green-http"
 * import * as Progress from "green-http/Progress"
 *
 * const app = MemoryExchange.layer(() => new Response("hello", { headers: { "content-length": "5" } }))
 *
 * const program = Effect.gen(function*() {
 *   const http = yield* GreenHttp.make({ baseUrl: "http://app.test" })
 *   const progress = Progress.make()
 *   yield* Effect.forkChild(Effect.flatMap(http.get("/", { progress }), (response) => response.bytes))
 *   return yield* Stream.runLast(progress.changes)
 * })
 *
 * console.log(await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(app))))
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export class Progress implements AsyncIterable<Change> {
  #upload: Change | undefined
  #download: Change | undefined
  #isTaken = false
  #isOver = false
  #waiting: Array<() => void> = []

  /**
   * Where it stands, and what changes from then on. The transfer never waits for who reads this: whoever is slow sees the
   * latest of each direction. The upload starts over when the request is sent again, by a redirect or a retry; the
   * download is that of the last response.
   *
   * Ends when the body of the response has been read, has failed or was let go, and when the request fails. It may be
   * read by several, and again.
   */
  get changes(): Stream.Stream<Change> {
    return Stream.suspend(() => {
      let upload: Change | undefined
      let download: Change | undefined
      const next: Effect.Effect<[Change, ...Array<Change>], Cause.Done> = Effect.suspend(() => {
        const sent = this.#upload === upload ? undefined : this.#upload
        const received = this.#download === download ? undefined : this.#download
        upload = this.#upload
        download = this.#download
        if (sent !== undefined) return Effect.succeed(received === undefined ? [sent] : [sent, received])
        if (received !== undefined) return Effect.succeed([received])
        return this.#isOver ? Cause.done() : Effect.flatMap(this.#change, () => next)
      })
      return Stream.fromPull(Effect.succeed(next))
    })
  }

  /** The same for code without Effect. Breaking off the loop harms nobody. */
  [Symbol.asyncIterator](): AsyncIterator<Change> {
    return Stream.toAsyncIterable(this.changes)[Symbol.asyncIterator]()
  }

  /** For whom performs the request: whether nobody else does. */
  take(): boolean {
    const isFree = !this.#isTaken
    this.#isTaken = true
    return isFree
  }

  /** For whom performs the request: how far it has come. */
  report(change: Change): void {
    if (change.direction === "upload") this.#upload = change
    else this.#download = change
    this.#tell()
  }

  /** For whom performs the request: nothing will change any more. */
  end(): void {
    this.#isOver = true
    this.#tell()
  }

  readonly #change: Effect.Effect<void> = Effect.callback((resume) => {
    const tell = () => resume(Effect.void)
    this.#waiting.push(tell)
    return Effect.sync(() => {
      this.#waiting = this.#waiting.filter((each) => each !== tell)
    })
  })

  #tell(): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const tell of waiting) tell()
  }
}

/**
 * A progress, for a request to come.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (): Progress => new Progress()
