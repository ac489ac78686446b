/**
 * Reading and writing leased descriptors in straight-line code. Above `FdIo`, so it serves real and virtual ones.
 */
import * as Effect from "effect/Effect"
import { type Fd, FdIo, FdStream, type Lease, WouldBlock } from "green-core"

/** What there is to read, waited for; nothing at the end. */
export const receive = Effect.fnUntraced(function* (lease: Lease): Effect.fn.Return<Uint8Array, Fd.FdError, FdIo> {
  const bytes = new Uint8Array(4096)
  for (;;) {
    yield* lease.wait("read")
    const count = yield* FdIo.read(lease, bytes).pipe(
      // The end of a terminal, when the last process in it has gone.
      Effect.catchReason("FdError", "System", ({ code }, error) =>
        code === "EIO" ? Effect.succeed(0) : Effect.fail(error)
      )
    )
    if (count !== WouldBlock) return bytes.subarray(0, count)
  }
})

/** Each time that it is performed, the next line; `undefined` at the end. */
export const lines = (lease: Lease): Effect.Effect<string | undefined, Fd.FdError, FdIo> => {
  const decoder = new TextDecoder()
  let text = ""
  return Effect.gen(function* () {
    for (;;) {
      const end = text.indexOf("\n")
      if (end >= 0) {
        const line = text.slice(0, end).trimEnd()
        text = text.slice(end + 1)
        return line
      }
      const bytes = yield* receive(lease)
      if (bytes.length === 0) return undefined
      text += decoder.decode(bytes, { stream: true })
    }
  })
}

/** Writes a line, waiting while the descriptor is full. */
export const sendLine = (lease: Lease, line: string): Effect.Effect<void, Fd.FdError, FdIo> =>
  FdStream.writeAll(lease, new TextEncoder().encode(`${line}\n`))
