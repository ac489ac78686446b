/**
 * What runs in a worker thread: takes jobs one after another, loads their modules, calls their functions, and says how
 * they ended. It loads neither Effect nor the rest of this package; what a job needs of them, its own file imports.
 */
import { receiveMessageOnPort, workerData } from "node:worker_threads"
import { toThrown } from "../thrown.ts"
import { type Done, Ending, type StartJob, ToHost, ToWorker, Word } from "../wire.ts"
import { type Module, type Post, jobOf, run } from "./running.ts"
import type { Start } from "./start.ts"
import { ThreadPort } from "./ThreadPort.ts"

const { port, words }: Start = workerData
const threadPort = new ThreadPort(port, words)
/** By the numbers that the host has given them. */
const urls: Array<string> = []
const modules: Array<Module | undefined> = []

/** The job that has been taken and has not begun: its module is being loaded. */
let loading: StartJob | undefined

port.on("message", (message: ToWorker) => {
  // A reply that comes between jobs is one that nobody waits for.
  if (message[0] === ToWorker.reply) return
  const [, job, number, url, name, args, context] = message
  if (url !== undefined) urls[number] = url
  threadPort.begin(job, context)
  if (threadPort.interrupted) {
    end([ToHost.done, job, Ending.interrupted])
    return
  }
  const module = modules[number]
  if (module === undefined) void load(message)
  else start(job, module, name, args)
})

// An earlier job may have left behind what ends the thread: the next one is not to fail for that. Of the first job of a
// thread it is the doing itself.
process.on("exit", () => {
  const next = loading ?? nextJob()
  if (next === undefined || next[1] === 1) return
  try {
    port.postMessage([ToHost.returned, next[5]] satisfies ToHost)
  } catch {
    // It has been given what can only be moved, and fails with its thread.
  }
})

// The host would wait for ever for the end of a job that could not be read: its thread fails, and says why.
port.on("messageerror", (error) => {
  throw error
})

Atomics.store(words, Word.started, 1)

const nextJob = (): StartJob | undefined => {
  for (;;) {
    const received: { readonly message: ToWorker } | undefined = receiveMessageOnPort(port)
    if (received === undefined) return undefined
    if (received.message[0] === ToWorker.job) return received.message
  }
}

const load = async (message: StartJob): Promise<void> => {
  const [, job, number, , name, args] = message
  let module: Module
  loading = message
  try {
    module = await import(urls[number] ?? "")
  } catch (error) {
    end([ToHost.done, job, Ending.notLoaded, toThrown(error)])
    return
  } finally {
    loading = undefined
  }
  modules[number] = module
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
