/**
 * The codings of a Content-Encoding, as Node's zlib makes and undoes them.
 */
import type { Transform } from "node:stream"
import * as Zlib from "node:zlib"

export type Coding = "gzip" | "deflate" | "br" | "zstd"

/** What undoes a coding; `first` are the first bytes that it will be given. */
export const decoder = (coding: Coding, first: Uint8Array): Transform => {
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

/** The levels are zlib's own, but for brotli, whose own is for what is compressed once and sent for years. */
export const encoder = (coding: Coding): Transform => {
  switch (coding) {
    case "gzip":
      return Zlib.createGzip()
    case "br":
      return Zlib.createBrotliCompress({ params: { [Zlib.constants.BROTLI_PARAM_QUALITY]: 5 } })
    case "zstd":
      return Zlib.createZstdCompress()
    case "deflate":
      return Zlib.createDeflate()
  }
}
