/**
 * The clients that are compared, each a process of its own, and the rows of what they took.
 *
 * They take turns: while one works, the others wait. What one leaves on its heap costs itself, and what V8 has learnt of
 * one is not blurred by another.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { fork } from "node:child_process"
import { fileURLToPath } from "node:url"
import { converse } from "../conversation.ts"
import { ratioRow, type Row, type Scale, type Side, type Target } from "../harness.ts"
import type { Server } from "./server.ts"
import { hundred, type Work, type Works } from "./works.ts"

/** A client, and how it is set up. */
export interface Contestant {
  readonly client: "green-pg" | "sql-pg" | "pg" | "postgres" | "bytes"
  /** All of them are open from the start. */
  readonly connections: number
  /** How many statements may share a connection: with 1 none does. */
  readonly multiplex: number
  /** That of green-pg: `"wire"` unless said. */
  readonly driver?: "wire" | "libpq"
  /** Whether the sessions of green-pg are read only, so that its statements share transactions. */
  readonly readOnly?: boolean
  /** The libpq of green-pg: that of the server unless said. */
  readonly libpq?: "system"
}

/** Makes a client: what it can do. It is open until the process ends. */
export type Open = (server: Server, contestant: Contestant) => Effect.Effect<Works, unknown, Scope.Scope>

/** What a slice is to be: a work, performed so many times, so many of them at a time. */
export interface Task {
  readonly work: Work
  readonly operations: number
  readonly concurrency: number
  /** How many statements, or rows, one operation is: figures are of these. 1 unless said. */
  readonly units?: number
}

/** What a statement, or a row, took in a slice: microseconds by the clock, of the client's CPU, and of the server's. */
export interface Slice {
  readonly wall: number
  readonly cpu: number | undefined
  readonly server: number | undefined
}

/** The process of a client. */
export interface Contender {
  readonly does: (task: Task) => Side<Slice>
}

const program = fileURLToPath(new URL("contender.ts", import.meta.url))

/** Starts the process of a client, and waits until it is connected. */
export const contender = (
  server: Server,
  name: string,
  contestant: Contestant
): Effect.Effect<Contender, never, Scope.Scope> =>
  Effect.gen(function* () {
    const child = yield* Effect.acquireRelease(
      Effect.sync(() => fork(program, [JSON.stringify(server), JSON.stringify(contestant)])),
      (child) => Effect.sync(() => child.kill())
    )
    const round = yield* Effect.promise(() => converse<Task, Slice>(name, child))
    return { does: (task) => ({ name, round: () => round(task) }) }
  })

/** There are many sides: so many rounds at most. */
export const atMost = (rounds: number, scale: Scale): Scale => ({ ...scale, rounds: Math.min(scale.rounds, rounds) })

/** A comparison of two sides, and what is wanted of it. */
export interface Comparison {
  readonly measure: string
  readonly ours: Side<Slice>
  readonly against: Side<Slice>
  readonly target?: Target
}

type Figures = (side: Side<Slice>) => ReadonlyArray<Slice>

/** The row that is judged, if there is a target: how many a second. */
export const speed = (figures: Figures, comparison: Comparison, what: "queries" | "rows" = "queries"): Row =>
  ratioRow({
    ...comparison,
    measure: `${comparison.measure}, ${what} a second`,
    figures: (side) => figures(side).map(({ wall }) => 1000 / wall),
    unit: "k/s"
  })

/** The row that is told beside: the CPU time of the client. */
export const cpu = (figures: Figures, { against, measure, ours }: Comparison, what: "query" | "row" = "query"): Row =>
  ratioRow({
    measure: `${measure}, CPU per ${what}`,
    ours,
    against,
    figures: (side) => figures(side).map(({ cpu = Number.NaN }) => cpu),
    unit: "us"
  })

/** Both rows. */
export const both = (figures: Figures, comparison: Comparison): ReadonlyArray<Row> => [
  speed(figures, comparison),
  cpu(figures, comparison)
]

/** A hundred statements in one go, of so many such: figures are of one statement. */
export const inHundreds = (work: Work, operations: number): Task => ({
  work,
  operations,
  concurrency: 1,
  units: hundred
})
