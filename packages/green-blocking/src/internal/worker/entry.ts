/**
 * What runs in a worker thread: takes jobs one after another, loads their modules, calls their functions, and says how
 * they ended. It loads neither Effect nor the rest of this package; what a job needs of them, its own file imports.
 */
import { Identity, enter, main } from "green-core/GreenletIdentity"
import { workerData } from "node:worker_threads"
import { inspect, problemOf } from "../cloneable.ts"
import { toThrown } from "../thrown.ts"
import { type Done, Ending, ToHost, ToWorker, Word } from "../wire.ts"
import { lent, within } from "./Port.ts"
import { ThreadPort } from "./ThreadPort.ts"
import type { Start } from "./start.ts"

type Job = (...args: ReadonlyArray<unknown>) => unknown

const { port, words }: Start = workerData
const threadPort = new ThreadPort(port, words)
const modules = new Map<string, Readonly<Record<string, unknown>>>()

port.on("message", (message: ToWorker) => {
  // A reply that comes between jobs is one that nobody waits for.
  if (message[0] === ToWorker.reply) return
  const [, job, url, name, args, context] = message
  threadPort.begin(job, context)
  if (threadPort.interrupted) {
    end([ToHost.done, job, Ending.interrupted])
    return
  }
  const module = modules.get(url)
  if (module === undefined) void load(job, url, name, args)
  else start(job, module, name, args)
})

// The host would wait for ever for the end of a job that could not be read: its thread fails, and says why.
port.on("messageerror", (error) => {
  throw error
})

Atomics.store(words, Word.started, 1)

const load = async (job: number, url: string, name: string, args: ReadonlyArray<unknown>): Promise<void> => {
  let module: Readonly<Record<string, unknown>>
  try {
    module = await import(url)
  } catch (error) {
    end([ToHost.done, job, Ending.notLoaded, toThrown(error)])
    return
  }
  modules.set(url, module)
  start(job, module, name, args)
}

const start = (
  job: number,
  module: Readonly<Record<string, unknown>>,
  name: string,
  args: ReadonlyArray<unknown>
): void => {
  const f = Object.hasOwn(module, name) ? module[name] : undefined
  if (!isJob(f)) {
    const functions = Object.keys(module).filter((each) => typeof module[each] === "function")
    end([ToHost.done, job, Ending.notExported, functions])
    return
  }
  // While its module was loaded.
  if (threadPort.interrupted) end([ToHost.done, job, Ending.interrupted])
  else run(job, f, args)
}

const run = (job: number, f: Job, args: ReadonlyArray<unknown>): void => {
  const greenlet = new Identity(main)
  let result: unknown
  try {
    result = within(threadPort, () => enter(greenlet, () => f(...args)))
  } catch (error) {
    end([ToHost.done, job, Ending.threw, toThrown(error, lent.encodeError)])
    return
  } finally {
    greenlet.ended = true
  }
  if (isPromiseLike(result)) {
    // Nobody will wait for it: its failure must not end the thread.
    result.then(undefined, () => {})
    end([ToHost.done, job, Ending.promise])
    return
  }
  const { problem, transfer } = inspect(result)
  if (problem !== undefined) {
    end([ToHost.done, job, Ending.notCloneable, problem])
    return
  }
  try {
    port.postMessage([ToHost.done, job, Ending.success, result], [...transfer])
  } catch (error) {
    end([ToHost.done, job, Ending.notCloneable, problemOf(error)])
  }
}

const end = (done: Done): void => {
  port.postMessage(done)
}

const isJob = (x: unknown): x is Job => typeof x === "function"

const isPromiseLike = (x: unknown): x is PromiseLike<unknown> =>
  typeof x === "object" && x !== null && "then" in x && typeof x.then === "function"
