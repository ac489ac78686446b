/**
 * A shop on PostgreSQL: its stock comes in by COPY, orders are transactions, who packs them listens, and the rest goes out
 * by COPY. The server is one of its own, which needs no installation, and is gone at the end.
 */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import * as SqlClient from "effect/sql/SqlClient"
import * as Stream from "effect/Stream"
import { Green } from "green-core"
import { GreenPg, Libpq, PgPool } from "green-pg"
import { PostgresServer } from "green-pg/testing"

const open = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  yield* sql`CREATE TABLE stock (item text PRIMARY KEY, amount int CONSTRAINT enough CHECK (amount >= 0))`
  yield* sql`CREATE TABLE orders (id int GENERATED ALWAYS AS IDENTITY, customer text, item text, amount int)`
})

/** COPY FROM STDIN is a sink of bytes. */
const deliver = (delivery: Stream.Stream<string>) =>
  PgPool.use((pool) =>
    pool.use((connection) =>
      Stream.run(Stream.encodeText(delivery), connection.copyIn("COPY stock FROM STDIN (FORMAT csv)"))
    )
  )

/** All of it, or nothing; and nobody hears of what has not happened, for a notification is a part of its transaction. */
const order = Effect.fnUntraced(
  function* (customer: string, items: Readonly<Record<string, number>>) {
    const sql = yield* SqlClient.SqlClient
    for (const [item, amount] of Object.entries(items)) {
      yield* sql`INSERT INTO orders ${sql.insert({ customer, item, amount })}`
      yield* sql`UPDATE stock SET amount = amount - ${amount} WHERE item = ${item}`
    }
    yield* sql`SELECT pg_notify('packing', ${customer})`
    return `${customer} gets it`
  },
  GreenPg.withTransaction({ isolationLevel: "repeatable read" })
)

const asked = (customer: string, items: Readonly<Record<string, number>>) =>
  order(customer, items).pipe(
    Effect.catchReason("SqlError", "ConstraintError", () =>
      Effect.succeed(`${customer} does not: there is not enough`)
    ),
    Effect.flatMap((answer) => Effect.sync(() => console.log(answer)))
  )

/** Listens from when it is run on; then it gives the Effect that packs so many orders as they come. */
const packer = Effect.fnUntraced(function* (orders: number) {
  const connection = yield* PgPool.use((pool) => pool.reserve)
  const heard = yield* connection.listen("packing")
  const pack = Effect.gen(function* () {
    const { payload: customer } = yield* Queue.take(heard)
    const { rows } = yield* connection.query("SELECT item, amount FROM orders WHERE customer = $1 ORDER BY id", [
      customer
    ])
    return `packed for ${customer}: ${rows.map(({ amount, item }) => `${amount} ${item}`).join(", ")}`
  })
  return Effect.replicateEffect(pack, orders)
})

/** COPY TO STDOUT is a stream of bytes. */
const rest = PgPool.use((pool) =>
  pool.use((connection) =>
    connection
      .copyOut("COPY (SELECT * FROM stock ORDER BY item) TO STDOUT (FORMAT csv, HEADER)")
      .pipe(Stream.decodeText, Stream.mkString)
  )
)

const program = Effect.gen(function* () {
  yield* open
  console.log(`${yield* deliver(Stream.make("apples,10\npe", "ars,4\nplums,", "200\n"))} items are here`)

  const packing = yield* Effect.forkChild(yield* packer(2))
  yield* asked("Ada", { apples: 6, plums: 50 })
  yield* asked("Bertha", { plums: 1, apples: 6 })
  yield* asked("Cleo", { pears: 4 })
  for (const line of yield* Fiber.join(packing)) console.log(line)

  console.log(yield* rest)
}).pipe(Effect.scoped)

/** On the server's own libpq; `Libpq.layer()` takes the system's. */
const database = Layer.unwrap(
  PostgresServer.useSync(({ libpq, url }) =>
    GreenPg.layer({ url, maxConnections: 4 }).pipe(Layer.provide(Libpq.layer({ path: libpq })))
  )
)

await Effect.runPromise(
  program.pipe(Effect.provide(database.pipe(Layer.provide([PostgresServer.layer(), Green.layer]))))
)
