/**
 * Waits for a descriptor that is not ready, and becomes so in the next turn of the loop: each has to be woken, where those
 * of `roundTrips` are found ready, many in a turn. It imports nothing that only Node has.
 */
import * as Effect from "effect/Effect"
import { FdIo, Green, waitFd } from "green-core"

export const wakeUps = (times: number): Promise<void> =>
  Effect.runPromise(
    Effect.gen(function* () {
      const [one, other] = yield* FdIo.makeSocketPair
      const run = Effect.runSyncWith(yield* Effect.context<FdIo>())
      const bytes = new Uint8Array(64)
      const write = (): unknown => run(FdIo.write(one, bytes))
      for (let time = 0; time < times; time++) {
        setImmediate(write)
        yield* waitFd(other)
        yield* FdIo.read(other, bytes)
      }
      yield* FdIo.close(one)
      yield* FdIo.close(other)
    }).pipe(Effect.provide(Green.layer))
  )
