/** What worker threads that wait for descriptors could do to their process; see `hazards.test.ts`. */
import * as Effect from "effect/Effect"
import { FdIo, Green, type WaitFd, waitFd } from "green-core"
import { once } from "node:events"
import * as Fs from "node:fs"
import { setImmediate as turn } from "node:timers/promises"
import { Worker } from "node:worker_threads"
import { openDescriptors } from "../support/descriptors.ts"
import type { Told } from "./worker.ts"

const say = (line: unknown): void => void Fs.writeSync(1, `${JSON.stringify(line)}\n`)

const run = <A, E>(program: Effect.Effect<A, E, FdIo | WaitFd>) =>
  Effect.runPromise(Effect.provide(program, Green.layer))

const pair = () => run(FdIo.makeSocketPair)

const start = (mode: Told["mode"], ends: Told["ends"], turns = 0): Worker =>
  new Worker(new URL("worker.ts", import.meta.url), { workerData: { mode, ends, turns } satisfies Told })

const said = async (worker: Worker): Promise<unknown> => {
  const [message]: ReadonlyArray<unknown> = await once(worker, "message")
  return message
}

/** One that is terminated while it does so: what it said, and its exit code. */
const terminated = async (mode: Told["mode"], ends: Told["ends"]): Promise<string> => {
  const worker = start(mode, ends)
  return `${String(await said(worker))}, ${await worker.terminate()}`
}

/** The exit code of one that ends after some turns, and what it said, unless that was to terminate it. */
const code = (mode: Told["mode"], ends: Told["ends"], turns: number): Promise<string> => {
  const worker = start(mode, ends, turns)
  // What it throws is not ours.
  worker.on("error", () => {})
  let said = ""
  worker.on("message", (message) => {
    if (message !== "terminate me") said = `, ${String(message)}`
    void worker.terminate()
  })
  return new Promise((resolve) => worker.on("exit", (code) => resolve(`${code}${said}`)))
}

/** What is open, and what keeps a process. */
const resources = () => ({
  descriptors: openDescriptors().length,
  ports: process.getActiveResourcesInfo().filter((name) => name === "MessagePort").length
})

/** What the main thread opens for its workers: a set for theirs; where a thread watches that, a pipe to release it as well. */
const relay = process.versions["bun"] === undefined ? 1 : 3

/**
 * Whether all that is left of workers is what the main thread has opened for them, if it did. It settles some turns after
 * a worker has ended, when the main thread has heard of it.
 */
const back = async (before: ReturnType<typeof resources>, watched = relay): Promise<unknown> => {
  for (let turns = 0; turns < 10_000; turns++) {
    const now = resources()
    if (now.descriptors === before.descriptors + watched && now.ports === before.ports) return "back"
    await turn()
  }
  return { before, now: resources() }
}

/** Nobody ever notifies it: waiting for it blocks the thread. */
const cell = new Int32Array(new SharedArrayBuffer(4))

const tally = (lines: ReadonlyArray<string>): Record<string, number> => {
  const counts: Record<string, number> = {}
  for (const line of lines) counts[line] = (counts[line] ?? 0) + 1
  return counts
}

const programs: Readonly<Record<string, () => Promise<void>>> = {
  terminations: async () => {
    const count = Number(process.argv[3] ?? 24)
    const lanes = await Promise.all(Array.from({ length: 4 }, pair))
    const before = resources()
    const ended: Array<string> = []
    await Promise.all(
      lanes.map(async (ends) => {
        while (ended.length < count) ended.push(await terminated(ended.length % 4 === 3 ? "wait" : "flow", ends))
      })
    )
    say(Object.keys(tally(ended)).toSorted())
    say(await back(before))
  },

  blocked: async () => {
    const count = Number(process.argv[3] ?? 16)
    const ends = await pair()
    const before = resources()
    const ended: Array<string> = []
    const lanes = Array.from({ length: 4 }, async () => {
      while (ended.length < count)
        ended.push(await terminated(ended.length % 2 === 0 ? "blocks" : "blocks again", ends))
    })
    await Promise.all(lanes)
    say(Object.keys(tally(ended)).toSorted())
    say(await back(before, 0))
  },

  "main busy": async () => {
    const ends = await pair()
    const end = await pair()
    let events = 0
    let isOver = false
    const flow = run(
      Effect.gen(function* () {
        const bytes = new Uint8Array(1)
        while (!isOver) {
          yield* FdIo.write(end[0], bytes)
          yield* waitFd(end[1])
          yield* FdIo.read(end[1], bytes)
          events++
        }
      })
    )
    say(await terminated("flow", ends))
    const before = events
    while (events < before + 100) await turn()
    isOver = true
    await flow
    say("main goes on")
  },

  exit: async () => {
    const ends = await pair()
    const worker = start("exit", ends)
    const [message, [code]] = await Promise.all([said(worker), once(worker, "exit")])
    say([message, code])
    // What the process can still do.
    const again = start("once", await pair())
    say(await said(again))
    say(await again.terminate())
  },

  endings: async () => {
    const ends = await pair()
    const before = resources()
    say(await terminated("flow", ends))
    const rounds = Number(process.argv[3] ?? 1)
    const endings = Array.from({ length: rounds }, () =>
      (["exits", "throws", "is terminated"] as const).flatMap((mode) =>
        [0, 1, 2, 3, 6].map((turns) => ({ mode, turns }))
      )
    ).flat()
    const ended: Array<string> = []
    const lanes = Array.from({ length: 4 }, async () => {
      for (let next = endings.pop(); next !== undefined; next = endings.pop()) {
        ended.push(`${next.mode}, ${await code(next.mode, ends, next.turns)}`)
      }
    })
    // Much that workers say and do is then heard at once, and in another order.
    const busy = setInterval(() => Atomics.wait(cell, 0, 0, 50), 1)
    await Promise.all(lanes)
    clearInterval(busy)
    say(tally(ended))
    say(await back(before))
  },

  "exit of the process": async () => {
    const workers = await Promise.all(
      Array.from({ length: 4 }, async () => {
        const worker = start("flow", await pair())
        return said(worker)
      })
    )
    say(workers)
    process.exit(5)
  },

  nested: async () => {
    const ends = await pair()
    say(await terminated("nest", ends))
  },

  sixteen: async () => {
    const pairs = await Promise.all(Array.from({ length: 16 }, pair))
    const workers = pairs.map((ends) => start("once", ends))
    say(tally((await Promise.all(workers.map(said))).map(String)))
    const answers = workers.map(said)
    const exits = workers.map((worker) => once(worker, "exit"))
    for (const [, end] of pairs) await run(FdIo.write(end, Uint8Array.of(1)))
    say(tally((await Promise.all(answers)).map(String)))
    say(tally((await Promise.all(exits)).flat().map(String)))
  },

  ends: async () => {
    const ends = await pair()
    const worker = start("once", ends)
    say(await said(worker))
    worker.unref()
    // Nobody keeps the process but the worker that waits, which may not.
  }
}

await programs[process.argv[2] ?? ""]?.()
