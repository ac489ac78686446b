/** Types of extensions that come with PostgreSQL. Their OIDs are dynamic: the catalog tells them by their functions. */
import type { ValueSink } from "./sqlPg.ts"
import { readText, writeText } from "./text.ts"
import { expected, fail, isRecord, readInt32, readSize, type TypeCodec } from "./TypeCodec.ts"

const writeKey = (sink: ValueSink, text: string): void => {
  const token = sink.beginLength()
  writeText(sink, text)
  sink.endLength(token)
}

/** `hstore`: an object of strings and nulls. */
export const hstore: TypeCodec = {
  read: (bytes, start, size) => {
    const end = start + size
    const count = size < 4 ? -1 : readInt32(bytes, start)
    if (count < 0 || count * 8 > size) return fail("the hstore has no valid head")
    let offset = start + 4
    const next = (): string | null => {
      const size = readSize(bytes, offset, end, "the hstore")
      offset += 4 + Math.max(size, 0)
      return size === -1 ? null : readText(bytes, offset - size, size)
    }
    const entries = Array.from({ length: count }, () => [next() ?? fail("the hstore has a key that is NULL"), next()])
    return offset === end ? Object.fromEntries(entries) : fail("the hstore has bytes behind its end")
  },
  write: (sink, value) => {
    if (!isRecord(value)) return expected("an object of strings and nulls", "hstore", value)
    const entries = Object.entries(value)
    sink.int32(entries.length)
    for (const [key, content] of entries) {
      writeKey(sink, key)
      if (content === null || content === undefined) sink.int32(-1)
      else if (typeof content === "string") writeKey(sink, content)
      else expected(`a string or null at the key ${JSON.stringify(key)}`, "hstore", content)
    }
  }
}
