/**
 * The process of one transfer: `transfer.ts <down | up> <bytes> <url>`. Prints how much memory it had resident at most,
 * in bytes. Started by `memory.ts`.
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { session } from "./clients.ts"

const [, , direction, count, base] = process.argv
const size = Number(count)

const down = Effect.gen(function* () {
  const http = yield* session()
  const { stream } = yield* http.get(new URL(String(size), base))
  let received = 0
  yield* Stream.runForEach(stream, ({ byteLength }) => Effect.sync(() => (received += byteLength)))
  return received
})

const up = Effect.gen(function* () {
  const http = yield* session()
  const chunks = function* () {
    for (let left = size; left > 0; left -= 65_536) yield new Uint8Array(Math.min(left, 65_536))
  }
  const body = Stream.fromIterable(chunks(), { chunkSize: 1 })
  const response = yield* http.post(new URL("/", base), { body, length: size })
  return Number(yield* response.text)
})

const moved = await Effect.runPromise(Effect.scoped(direction === "down" ? down : up))
if (moved !== size) throw new Error(`${moved} bytes of ${size} were moved`)
console.log(process.resourceUsage().maxRSS * 1024)
