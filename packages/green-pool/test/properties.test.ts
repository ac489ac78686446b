/** A pool against a model of it: any sequence of commands, the same starts in the same order, the same counts. */
import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import type { GreenTask } from "green-core"
import { GreenPool } from "green-pool"
import { type Gate, makeGate, turns } from "./support/gate.ts"

type Action =
  | "submit"
  | "run and leave"
  | "succeed"
  | "fail"
  | "die"
  | "interrupt"
  | "resize"
  | "pause"
  | "resume"
  | "setPriority"
  | "clear"
  | "shutdown"

interface Command {
  readonly action: Action
  /** Which of those there are, a priority, a size: whatever the action needs. */
  readonly number: number
  readonly key: number
}

/** The extremes are drawn more often than the others. */
const weights: ReadonlyArray<readonly [Action, number]> = [
  ["submit", 10],
  ["run and leave", 2],
  ["succeed", 8],
  ["fail", 2],
  ["die", 1],
  ["resize", 2],
  ["pause", 1],
  ["resume", 2],
  ["setPriority", 3],
  ["clear", 1],
  ["shutdown", 1],
  ["interrupt", 6],
  ["submit", 10]
]
const actions = weights.flatMap(([action, weight]) => Array.from({ length: weight }, () => action))

const commands = Arbitrary.array(
  Arbitrary.map(
    Arbitrary.schema(
      Schema.Struct({
        action: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: actions.length - 1 })),
        number: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 5 })),
        key: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 3 }))
      })
    ),
    ({ action, key, number }): Command => ({ action: actions[action] ?? "submit", number, key })
  ),
  { minLength: 30, maxLength: 100 }
)

interface Modelled {
  readonly id: number
  readonly key: number
  priority: number
  order: number
}

const keyLimit = 1

/** What a pool is, said as plainly as can be. */
class Model {
  queue: Array<Modelled> = []
  running: Array<Modelled> = []
  started: Array<number> = []
  maxWorkers = 3
  size = 0
  paused = false
  closed = false
  #order = 0

  submit(id: number, key: number, priority: number): boolean {
    if (this.closed) return false
    this.queue.push({ id, key, priority, order: this.#order++ })
    this.advance()
    return true
  }

  advance(): void {
    while (!this.paused && this.running.length < this.maxWorkers) {
      const next = this.queue
        .filter(({ key }) => key === 0 || this.running.filter((each) => each.key === key).length < keyLimit)
        .toSorted((a, b) => b.priority - a.priority || a.order - b.order)[0]
      if (next === undefined) return
      this.queue = this.queue.filter((each) => each !== next)
      this.running.push(next)
      this.started.push(next.id)
      this.size = Math.max(this.size, this.running.length)
    }
  }

  end(id: number): void {
    this.queue = this.queue.filter((each) => each.id !== id)
    if (this.running.some((each) => each.id === id)) {
      this.running = this.running.filter((each) => each.id !== id)
      if (this.closed || this.size > this.maxWorkers) this.size--
    }
    this.advance()
  }

  resize(maxWorkers: number): void {
    this.maxWorkers = maxWorkers
    this.size = Math.max(this.running.length, Math.min(this.size, maxWorkers))
    this.advance()
  }

  prioritise(id: number, priority: number): boolean {
    const queued = this.queue.find((each) => each.id === id)
    if (queued === undefined) return false
    queued.priority = priority
    queued.order = this.#order++
    return true
  }

  close(): void {
    this.closed = true
    this.paused = false
    this.size = this.running.length
    this.advance()
  }
}

interface Submitted {
  readonly task: GreenTask.GreenTask<number, string>
  readonly gate: Gate<number, string>
  expected: Exit.Exit<number, string> | "interrupted" | undefined
  runs: number
}

const agree = (commands: ReadonlyArray<Command>) =>
  Effect.gen(function* () {
    const pool = yield* GreenPool.make({ maxWorkers: 3, keyLimit })
    const model = new Model()
    const started: Array<number> = []
    const submitted: Array<Submitted> = []

    const finish = (submitted: Submitted, exit: Exit.Exit<number, string>) => {
      submitted.expected ??= exit
      submitted.gate.open(exit)
    }

    for (const { action, key, number } of commands) {
      const running = model.running[number % Math.max(1, model.running.length)]
      // Most likely one that is queued.
      const any = submitted.at(-1 - ((number * 4 + key) % Math.max(1, submitted.length)))
      switch (action) {
        case "submit": {
          const id = submitted.length
          const gate = makeGate<number, string>()
          const work = Effect.suspend(() => {
            started.push(id)
            const own = submitted[id]
            if (own !== undefined) own.runs++
            return gate.task
          })
          const options = { priority: number > 3 ? number : 0, ...(key === 0 ? {} : { key }) }
          // The record is there before the task: it may start within submit.
          const exit = yield* Effect.exit(
            Effect.suspend(() => {
              const task = pool.submit(work, options)
              return Effect.map(task, (task) => {
                submitted.push({ task, gate, expected: undefined, runs: started.includes(id) ? 1 : 0 })
              })
            })
          )
          assert.strictEqual(Exit.isSuccess(exit), model.submit(id, key, options.priority))
          break
        }
        case "run and leave": {
          const work = Effect.suspend(() => {
            started.push(-1)
            return Effect.never
          })
          const fiber = yield* Effect.forkChild(pool.run(work), { startImmediately: true })
          yield* Fiber.interrupt(fiber)
          if (model.submit(-1, 0, 0)) model.end(-1)
          break
        }
        case "succeed":
        case "fail":
        case "die": {
          const own = running === undefined ? undefined : submitted[running.id]
          if (running === undefined || own === undefined) break
          const exit =
            action === "succeed" ? Exit.succeed(running.id) : action === "fail" ? Exit.fail("failed") : Exit.die("died")
          finish(own, exit)
          model.end(running.id)
          break
        }
        case "interrupt": {
          if (any === undefined) break
          any.expected ??= "interrupted"
          yield* any.task.interrupt
          model.end(submitted.indexOf(any))
          break
        }
        case "resize":
          yield* pool.resize(number + 1)
          model.resize(number + 1)
          break
        case "pause":
          yield* pool.pause
          model.paused = !model.closed
          break
        case "resume":
          yield* pool.resume
          model.paused = false
          model.advance()
          break
        case "setPriority": {
          if (any === undefined) break
          const done = yield* pool.setPriority(any.task, number)
          assert.strictEqual(done, model.prioritise(submitted.indexOf(any), number))
          break
        }
        case "clear": {
          for (const { id } of model.queue) {
            const own = submitted[id]
            if (own !== undefined) own.expected = "interrupted"
          }
          assert.strictEqual(yield* pool.clear, model.queue.length)
          model.queue = []
          break
        }
        case "shutdown": {
          yield* Effect.forkChild(pool.shutdown(), { startImmediately: true })
          model.close()
          break
        }
      }
      yield* turns
      assert.deepStrictEqual(
        {
          started,
          size: pool.size,
          running: pool.running,
          queued: pool.queued,
          idle: pool.idle,
          paused: pool.paused,
          closed: pool.closed
        },
        {
          started: model.started,
          size: model.size,
          running: model.running.length,
          queued: model.queue.length,
          idle: model.size - model.running.length,
          paused: model.paused,
          closed: model.closed
        },
        `after ${action}`
      )
    }

    submitted.forEach((each, id) => finish(each, Exit.succeed(id)))
    yield* pool.resume
    yield* pool.join
    for (const { expected, runs, task } of submitted) {
      const exit = yield* task.exit
      assert.isAtMost(runs, 1)
      if (expected === "interrupted") assert.isTrue(Exit.isFailure(exit))
      else assert.deepStrictEqual(exit, expected)
    }
    assert.deepStrictEqual([pool.running, pool.queued], [0, 0])
  })

describe("any sequence of submit, finish, fail, die, interrupt, resize, pause, clear and shutdown", () => {
  it.effect.prop(
    "nothing is lost, nothing runs twice, and everything starts in its order",
    [commands],
    ([commands]) => Effect.scoped(agree(commands)),
    { arbitrary: { runs: 600, size: 100 } }
  )
})
