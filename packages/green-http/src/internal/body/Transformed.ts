/**
 * Bytes through a transform of Node, pulled: what is not asked for is not transformed, and what is let go is destroyed.
 */
import type { NonEmptyReadonlyArray } from "effect/Array"
import * as Effect from "effect/Effect"
import type { Transform } from "node:stream"
import type { HttpError } from "../../HttpError.ts"
import type { ResponseBody } from "../../HttpExchange.ts"

export class Transformed implements ResponseBody {
  readonly #source: ResponseBody
  readonly #start: (first: Uint8Array) => Transform
  readonly #fail: (cause: Error) => HttpError
  #transform: Transform | undefined
  #sourceEnded = false
  #ended = false
  #error: Error | undefined
  /** Something has happened that nobody waited for. */
  #news = false
  #changed: (() => void) | undefined

  /** A transform that is there makes something of nothing too; one that is to be made is not made for nothing. */
  constructor(
    source: ResponseBody,
    transform: Transform | ((first: Uint8Array) => Transform),
    fail: (cause: Error) => HttpError
  ) {
    this.#source = source
    this.#start = typeof transform === "function" ? transform : () => transform
    this.#fail = fail
    if (typeof transform !== "function") this.#transform = this.#watched(transform)
  }

  get trailers() {
    return this.#source.trailers
  }

  get discard(): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.#transform?.destroy()
      return this.#source.discard
    })
  }

  readonly pull: Effect.Effect<NonEmptyReadonlyArray<Uint8Array> | undefined, HttpError> = Effect.suspend(() => {
    this.#news = false
    const chunk: unknown = this.#transform?.read()
    if (chunk instanceof Uint8Array) return Effect.succeed<NonEmptyReadonlyArray<Uint8Array>>([chunk])
    if (this.#error !== undefined) {
      return Effect.andThen(this.discard, Effect.fail(this.#fail(this.#error)))
    }
    if (this.#ended) return Effect.succeed(undefined)
    const more = this.#sourceEnded || this.#transform?.writableNeedDrain === true ? this.#change : this.#feed
    return Effect.flatMap(more, () => this.pull)
  })

  /** Waits until the transform has something to say. */
  readonly #change: Effect.Effect<void> = Effect.callback((resume) => {
    if (this.#news) {
      resume(Effect.void)
      return undefined
    }
    this.#changed = () => {
      this.#changed = undefined
      resume(Effect.void)
    }
    return Effect.sync(() => {
      this.#changed = undefined
    })
  })

  get #feed(): Effect.Effect<void, HttpError> {
    const pulled = Effect.onError(this.#source.pull, () => Effect.sync(() => this.#transform?.destroy()))
    return Effect.flatMap(pulled, (chunks) => {
      if (chunks === undefined) {
        this.#sourceEnded = true
        if (this.#transform === undefined) this.#ended = true
        else this.#transform.end()
        return Effect.void
      }
      const transform = (this.#transform ??= this.#watched(this.#start(chunks[0])))
      for (const chunk of chunks) transform.write(chunk, this.#tell)
      return this.#change
    })
  }

  #watched(transform: Transform): Transform {
    transform.on("readable", this.#tell)
    transform.on("end", () => {
      this.#ended = true
      this.#tell()
    })
    transform.on("error", (error) => {
      this.#error = error
      this.#tell()
    })
    return transform
  }

  readonly #tell = (): void => {
    if (this.#changed === undefined) this.#news = true
    else this.#changed()
  }
}
