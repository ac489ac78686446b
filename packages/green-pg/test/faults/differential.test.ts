/**
 * The two drivers against each other: random programs, each by both on tables of its own, give the same to the last
 * field. `GREEN_PG_PROGRAMS` says how many, 100 unless said; a failing one is shrunk, and shown with what repeats it.
 */
import { assert } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { turnsOfTheLoop } from "green-core/testing"
import { inspect, isDeepStrictEqual } from "node:util"
import { createDatabase } from "../support/postgres.ts"
import { type Driver, connect, ends, test } from "./support/world.ts"
import { run, type Step, steps } from "./support/steps.ts"

const runs = Number(process.env["GREEN_PG_PROGRAMS"] ?? "100")

const begin = "DROP TABLE IF EXISTS kept, other; CREATE TABLE kept (id int PRIMARY KEY, value int CHECK (value < 3))"
const end: Step = { _tag: "Script", sql: "ROLLBACK; SELECT * FROM kept ORDER BY id" }

/** What is heard of each step of a program, at last of what it has left, and of its notices. */
const by = (driver: Driver, database: string, program: ReadonlyArray<Step>) =>
  Effect.scoped(
    Effect.gen(function* () {
      const connection = yield* connect(driver, { database, preparedStatements: 3 })
      yield* connection.script(begin)
      const notices: Array<unknown> = []
      const hearing = yield* Effect.forkChild(
        Stream.runForEach(connection.notices, (notice) => Effect.sync(() => notices.push(notice))),
        { startImmediately: true }
      )
      const heard = yield* ends(`a program by ${driver}`, run(connection, [...program, end]))
      yield* turnsOfTheLoop
      yield* Fiber.interrupt(hearing)
      return [...heard, notices]
    })
  )

const show = (heard: unknown): string => inspect(heard, { depth: 9 })

test(
  "both drivers give the same for every program",
  () =>
    Effect.gen(function* () {
      const [one, other] = yield* Effect.all([createDatabase("libpq"), createDatabase("wire")])
      const result = yield* Arbitrary.checkEffect(
        steps,
        (program) =>
          Effect.gen(function* () {
            const [expected, found] = yield* Effect.all([by("libpq", one, program), by("wire", other, program)], {
              concurrency: 2
            })
            const index = expected.findIndex((heard, index) => !isDeepStrictEqual(heard, found[index]))
            return index < 0
              ? true
              : yield* Effect.die(
                  new Error(`of step ${index} libpq says ${show(expected[index])}, and wire ${show(found[index])}`)
                )
            // A hang, and whatever else may come, are shrunk too.
          }).pipe(Effect.catchCause((cause) => Effect.fail(Cause.pretty(cause)))),
        { runs }
      )
      const failure = Arbitrary.formatCheckFailure(result)
      if (failure !== undefined) assert.fail(failure)
    }),
  90_000 + runs * 1000
)
