/**
 * Bodies without their Content-Encoding, by Node's zlib: pulled, so what is not asked for is not inflated.
 */
import type { NonEmptyReadonlyArray } from "effect/Array"
import * as Effect from "effect/Effect"
import type { Transform } from "node:stream"
import * as Zlib from "node:zlib"
import type { HttpError, HttpErrorReason } from "../../HttpError.ts"
import type { ResponseBody } from "../../HttpExchange.ts"

/** What can be undone here, in the order in which it is asked for. */
export const acceptEncoding = "zstd, br, gzip, deflate"

/** More layers than anybody needs are an attack. */
const mostLayers = 5

type Coding = "gzip" | "deflate" | "br" | "zstd"

const codings: ReadonlyMap<string, Coding> = new Map([
  ["gzip", "gzip"],
  ["x-gzip", "gzip"],
  ["deflate", "deflate"],
  ["br", "br"],
  ["zstd", "zstd"]
])

/**
 * The body as it was before it was encoded; `undefined` if the header names a coding that cannot be undone here, and the
 * body is to be left as it is.
 */
export const decompress = (
  body: ResponseBody,
  header: string,
  fail: (reason: HttpErrorReason) => HttpError
): ResponseBody | undefined => {
  const names = header.split(",").map((name) => name.trim().toLowerCase())
  const layers = names.filter((name) => name !== "" && name !== "identity").map((name) => codings.get(name))
  if (layers.length > mostLayers || layers.includes(undefined)) return undefined
  return layers.reduceRight<ResponseBody>(
    (inner, coding) => (coding === undefined ? inner : new Inflated(inner, coding, fail)),
    body
  )
}

class Inflated implements ResponseBody {
  readonly #source: ResponseBody
  readonly #coding: Coding
  readonly #fail: (reason: HttpErrorReason) => HttpError
  #transform: Transform | undefined
  #sourceEnded = false
  #ended = false
  #error: Error | undefined
  /** Something has happened that nobody waited for. */
  #news = false
  #changed: (() => void) | undefined

  constructor(source: ResponseBody, coding: Coding, fail: (reason: HttpErrorReason) => HttpError) {
    this.#source = source
    this.#coding = coding
    this.#fail = fail
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
      const problem = `${this.#coding}: ${this.#error.message}`
      return Effect.andThen(this.discard, Effect.fail(this.#fail({ _tag: "Decode", problem, cause: this.#error })))
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
        // Nothing at all is nothing, whatever it is said to be encoded with.
        if (this.#transform === undefined) this.#ended = true
        else this.#transform.end()
        return Effect.void
      }
      const transform = (this.#transform ??= this.#start(chunks[0]))
      for (const chunk of chunks) transform.write(chunk, this.#tell)
      return this.#change
    })
  }

  #start(first: Uint8Array): Transform {
    const transform = makeTransform(this.#coding, first)
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

const makeTransform = (coding: Coding, first: Uint8Array): Transform => {
  switch (coding) {
    case "gzip":
      return Zlib.createGunzip()
    case "br":
      return Zlib.createBrotliDecompress()
    case "zstd":
      return Zlib.createZstdDecompress()
    case "deflate":
      // Some send it without the header of zlib, which begins with an 8 in its lower half.
      return ((first[0] ?? 0) & 0x0f) === 8 ? Zlib.createInflate() : Zlib.createInflateRaw()
  }
}
