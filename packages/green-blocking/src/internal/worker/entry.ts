/**
 * What runs in a worker thread: takes jobs one after another, loads their modules, calls their functions, and says how
 * they ended. It loads neither Effect nor the rest of this package; what a job needs of them, its own file imports.
 */
import { workerData } from "node:worker_threads"
import { toThrown } from "../thrown.ts"
import { type Done, Ending, ToHost, ToWorker, Word } from "../wire.ts"
import { type Module, type Post, jobOf, run } from "./running.ts"
import type { Start } from "./start.ts"
import { ThreadPort } from "./ThreadPort.ts"

const { port, words }: Start = workerData
const threadPort = new ThreadPort(port, words)
const modules = new Map<string, Module>()

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
  let module: Module
  try {
    module = await import(url)
  } catch (error) {
    end([ToHost.done, job, Ending.notLoaded, toThrown(error)])
    return
  }
  modules.set(url, module)
  start(job, module, name, args)
}

const start = (job: number, module: Module, name: string, args: ReadonlyArray<unknown>): void => {
  const f = jobOf(module, job, name)
  if (typeof f !== "function") {
    end(f)
    return
  }
  // While its module was loaded.
  if (threadPort.interrupted) end([ToHost.done, job, Ending.interrupted])
  else run(threadPort, f, args, post)
}

const post: Post = (done, transfer) => port.postMessage(done, transfer)

const end = (done: Done): void => post(done, [])
