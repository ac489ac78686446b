/**
 * The jobs: node:sqlite, which blocks. The database lives in the thread, from job to job.
 */
import { perform } from "green-blocking/worker"
import { DatabaseSync } from "node:sqlite"
import { Rates } from "./operations.ts"

const { Rate } = perform(Rates)

const database = new DatabaseSync(":memory:")
database.exec("CREATE TABLE orders (item TEXT, amount REAL, currency TEXT)")

// A function of SQL that performs an operation: SQLite calls it from within a query, and waits for what it returns.
database.function("rate", { deterministic: true }, (currency) => Rate({ currency: String(currency) }))

export interface Order {
  readonly item: string
  readonly amount: number
  readonly currency: string
}

/** All of them or none: `finally` and `catch` are as good as in any synchronous code, also when the job is interrupted. */
export const add = (orders: ReadonlyArray<Order>): void => {
  const insert = database.prepare("INSERT INTO orders VALUES (?, ?, ?) RETURNING amount * rate(currency)")
  database.exec("BEGIN")
  try {
    for (const { amount, currency, item } of orders) insert.get(item, amount, currency)
    database.exec("COMMIT")
  } catch (error) {
    database.exec("ROLLBACK")
    throw error
  }
}

export const total = (): number => number("SELECT sum(amount * rate(currency)) FROM orders")

export const count = (): number => number("SELECT count(*) FROM orders")

/** Takes its time. */
export const countTo = (to: number): number =>
  number("WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < ?) SELECT count(*) FROM c", to)

const number = (sql: string, ...values: ReadonlyArray<number>): number =>
  Number(Object.values(database.prepare(sql).get(...values) ?? {})[0])
