/**
 * Round trips over a socket pair, two waits in each: the program that is measured wherever descriptors are waited for.
 * It imports nothing that only Node has.
 */
import * as Effect from "effect/Effect"
import { FdIo, Green, waitFd } from "green-core"

export const roundTrips = (times: number): Promise<void> =>
  Effect.runPromise(
    Effect.gen(function* () {
      const [one, other] = yield* FdIo.makeSocketPair
      const bytes = new Uint8Array(64)
      for (let time = 0; time < times; time++) {
        yield* FdIo.write(one, bytes)
        yield* waitFd(other)
        yield* FdIo.read(other, bytes)
        yield* FdIo.write(other, bytes)
        yield* waitFd(one)
        yield* FdIo.read(one, bytes)
      }
      yield* FdIo.close(one)
      yield* FdIo.close(other)
    }).pipe(Effect.provide(Green.layer))
  )
