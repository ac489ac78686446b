/**
 * Bodies without their Content-Encoding, by Node's zlib: pulled, so what is not asked for is not inflated.
 */
import type { HttpError, HttpErrorReason } from "../../HttpError.ts"
import type { ResponseBody } from "../../HttpExchange.ts"
import { type Coding, decoder } from "./codings.ts"
import { Transformed } from "./Transformed.ts"

/** What can be undone here, in the order in which it is asked for. */
export const acceptEncoding = "zstd, br, gzip, deflate"

/** More layers than anybody needs are an attack. */
const mostLayers = 5

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
    (inner, coding) =>
      coding === undefined
        ? inner
        : new Transformed(
            inner,
            (first) => decoder(coding, first),
            (cause) => fail({ _tag: "Decode", problem: `${coding}: ${cause.message}`, cause })
          ),
    body
  )
}
