/**
 * Leaves while somebody waits for a descriptor: `leaves.ts exit` by `process.exit(7)`, `leaves.ts throw` by an error that
 * nobody catches.
 */
import * as Effect from "effect/Effect"
import { FdIo, Green, waitFd } from "green-core"

const waiting = Effect.gen(function* () {
  const { reader } = yield* FdIo.makePipe
  return yield* waitFd(reader)
})

Effect.runFork(Effect.provide(waiting, Green.layer))

setTimeout(() => {
  if (process.argv[2] === "exit") process.exit(7)
  throw new Error("leaves")
}, 50)
