/**
 * How one operation is performed many times: so many at a time, each of which starts the next when it is done, until all
 * have been performed.
 */
import * as Effect from "effect/Effect"

/** One way to perform an operation, such as to send a request and to read its answer. */
export interface Client {
  readonly name: string
  /** Performs so many, so many of them at a time. */
  readonly slice: (operations: number, concurrency: number) => Promise<unknown>
}

/** Each of those at a time is a fiber, all in one run: how a program that uses Effect asks. */
export const fibers = (name: string, operation: Effect.Effect<unknown, unknown>): Client => ({
  name,
  slice: (operations, concurrency) => {
    let started = 0
    const client = Effect.whileLoop({ while: () => started++ < operations, body: () => operation, step: () => {} })
    return Effect.runPromise(
      Effect.forEach(Array.from({ length: concurrency }), () => client, { concurrency: "unbounded", discard: true })
    )
  }
})

/** Each of those at a time is an async function. */
export const promises = (name: string, operation: () => Promise<unknown>): Client => ({
  name,
  slice: (operations, concurrency) => {
    let started = 0
    const client = async () => {
      while (started++ < operations) await operation()
    }
    return Promise.all(Array.from({ length: concurrency }, client))
  }
})
