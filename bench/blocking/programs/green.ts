/** Ours: `green.ts <threads>`. */
import * as Effect from "effect/Effect"
import { answer } from "./answer.ts"
import * as Pool from "./greenPool.ts"

const threads = Number(process.argv[2])
const runtime = Pool.runtimeOf(threads)

answer({
  trips: (operations) => runtime.runPromise(Pool.trips(operations)),
  large: (operations) => runtime.runPromise(Pool.large(operations)),
  crowd: async (operations) => {
    const each = Pool.trips(operations / threads)
    await runtime.runPromise(
      Effect.forEach(Array.from({ length: threads }), () => each, { concurrency: "unbounded", discard: true })
    )
  },
  nothing: (operations) => {
    let started = 0
    return runtime.runPromise(
      Effect.whileLoop({ while: () => started++ < operations, body: () => Pool.nothing(), step: () => {} })
    )
  },
  nothingByPromise: async (operations) => {
    for (let operation = 0; operation < operations; operation++) await runtime.runPromise(Pool.nothing())
  }
})
