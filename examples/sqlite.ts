/**
 * SQLite as node:sqlite has it, synchronous, without stopping the event loop; and a function of SQL that asks the host in
 * the middle of a query.
 *
 * The queries run in a worker (`sqlite/queries.ts`). There is one, for it holds the database; the others wait for it.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { green, GreenWorkers, type WorkersOptions } from "green-blocking"
import { NoRate, Rates } from "./sqlite/operations.ts"

const load = () => import("./sqlite/queries.ts")
const url = new URL("./sqlite/queries.ts", import.meta.url)
const add = green(load, url, "add", { error: NoRate })
const total = green(load, url, "total", { error: NoRate })
const count = green(load, url, "count")
const countTo = green(load, url, "countTo")

const rates: Readonly<Record<string, number>> = { EUR: 1, USD: 0.8, CHF: 1.1 }

/** The rates come from somewhere, after a while; that of a certain currency never does. */
const Handlers = Rates.toLayer({
  Rate: ({ currency }) =>
    Effect.gen(function* () {
      if (currency === "XAU") return yield* Effect.never
      yield* Effect.sleep("1 millis")
      const rate = rates[currency]
      return rate ?? (yield* new NoRate({ currency }))
    })
})

// The database is lost with its thread: keep it, and give what is interrupted the time to roll back.
const options: WorkersOptions = { size: 1, idleTimeout: Infinity, grace: "10 seconds" }

const Workers = GreenWorkers.layer(Rates, options).pipe(Layer.provide(Handlers))

/** How often a timer of the host's comes while an Effect goes on. */
const ticksDuring = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<readonly [A, number], E, R> =>
  Effect.suspend(() => {
    let ticks = 0
    const timer = setInterval(() => ticks++, 5)
    return Effect.map(effect, (value) => [value, ticks] as const).pipe(
      Effect.ensuring(Effect.sync(() => clearInterval(timer)))
    )
  })

const program = Effect.gen(function* () {
  yield* add([
    { item: "apples", amount: 10, currency: "EUR" },
    { item: "plums", amount: 20, currency: "USD" }
  ])
  console.log("total:", yield* total())

  const [counted, ticks] = yield* ticksDuring(countTo(2_000_000))
  console.log(`a long query: ${counted}; the host went on meanwhile: ${ticks > 5}`)

  // The error of the operation goes through SQLite, rolls back, and arrives as what it was.
  const error = yield* Effect.flip(
    add([
      { item: "pears", amount: 5, currency: "CHF" },
      { item: "figs", amount: 5, currency: "DEM" }
    ])
  )
  console.log("refused:", error._tag, error._tag === "NoRate" ? error.currency : error.message)

  // An interruption does the same: the function of SQL throws, and the query ends.
  const late = yield* Effect.flip(
    add([{ item: "a ring", amount: 1, currency: "XAU" }]).pipe(Effect.timeout("100 millis"))
  )
  console.log("too late:", late._tag)
  console.log("orders:", yield* count())
  console.log("threads started:", (yield* (yield* GreenWorkers).statistics).started)
})

await Effect.runPromise(program.pipe(Effect.provide(Workers)))
