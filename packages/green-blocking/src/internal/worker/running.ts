/**
 * A job as it runs, from the call of its function to the word that it has ended: the same in a worker and, in tests, in
 * the thread of its caller. It loads no Effect.
 */
import { Identity, enter, main } from "green-core/GreenletIdentity"
import type { Transferable } from "node:worker_threads"
import { inspect, problemOf } from "../cloneable.ts"
import { toThrown } from "../thrown.ts"
import { type Done, Ending, ToHost } from "../wire.ts"
import { type Port, lent, within } from "./Port.ts"

export type Job = (...args: ReadonlyArray<unknown>) => unknown

export type Module = Readonly<Record<string, unknown>>

/** Says how a job has ended. Throws what `postMessage` throws. */
export type Post = (done: Done, transfer: Array<Transferable>) => void

/** The function that a module exports by this name, or how a job ends that it has not. */
export const jobOf = (module: Module, job: number, name: string): Job | Done => {
  const f = Object.hasOwn(module, name) ? module[name] : undefined
  if (isJob(f)) return f
  const functions = Object.keys(module).filter((each) => typeof module[each] === "function")
  return [ToHost.done, job, Ending.notExported, functions]
}

/** Calls the function in a greenlet of its own, where it has the port, and says how it ended. */
export const run = (port: Port, f: Job, args: ReadonlyArray<unknown>, post: Post): void => {
  const { job } = port
  const greenlet = new Identity(main)
  let result: unknown
  try {
    result = within(port, () => enter(greenlet, () => f(...args)))
  } catch (error) {
    post([ToHost.done, job, Ending.threw, toThrown(error, lent.encodeError)], [])
    return
  } finally {
    greenlet.ended = true
  }
  if (isPromiseLike(result)) {
    abandon(result)
    post([ToHost.done, job, Ending.promise], [])
    return
  }
  const { problem, transfer } = inspect(result)
  if (problem !== undefined) {
    post([ToHost.done, job, Ending.notCloneable, problem], [])
    return
  }
  try {
    post([ToHost.done, job, Ending.success, result], [...transfer])
  } catch (error) {
    post([ToHost.done, job, Ending.notCloneable, problemOf(error)], [])
  }
}

const isJob = (x: unknown): x is Job => typeof x === "function"

/** Whether it is a promise or the like. What cannot even be asked is none; that it cannot be sent is found later. */
export const isPromiseLike = (x: unknown): x is PromiseLike<unknown> => {
  try {
    return typeof x === "object" && x !== null && "then" in x && typeof x.then === "function"
  } catch {
    return false
  }
}

/** Nobody will wait for it: its failure must not end the thread. */
export const abandon = (promise: PromiseLike<unknown>): void => {
  try {
    promise.then(undefined, () => {})
  } catch {
    // One that throws at once has failed like any other.
  }
}
