/**
 * One worker thread: is given a job, hears what the job says, is interrupted, and is ended. It knows no queue and no
 * operation.
 */
import {
  type ResourceLimits,
  MessageChannel,
  type MessagePort,
  receiveMessageOnPort,
  type Transferable,
  Worker
} from "node:worker_threads"
import type { JobErrorReason } from "../../JobError.ts"
import { type JobContext, type ToHost, ToWorker, Word, wordCount } from "../wire.ts"
import { type Start, entry } from "../worker/start.ts"

/** How threads are started. What is `undefined` is as in `new Worker`. */
export interface ThreadOptions {
  readonly name: string
  readonly env: Readonly<Record<string, string | undefined>> | undefined
  readonly execArgv: ReadonlyArray<string> | undefined
  readonly resourceLimits: ResourceLimits | undefined
}

/** Who has the thread, and is told what happens in it. */
export interface Tenant {
  readonly heard: (message: ToHost) => void
  /** The thread is gone or given up, and nothing more is heard of it. */
  readonly lost: (reason: JobErrorReason) => void
}

/** Who has started it. */
export interface Owner {
  /** How long it has to end, in milliseconds. */
  readonly killDeadline: number
  /** It is to end, and takes no more jobs; `ended` is when it is gone or given up. */
  readonly ending: (thread: Thread, ended: Promise<void>) => void
  readonly gone: (thread: Thread) => void
  /** It does not end, and is given up. It may be gone some day. */
  readonly stuck: (thread: Thread) => void
}

export class Thread {
  readonly #owner: Owner
  readonly #worker: Worker
  readonly #port: MessagePort
  readonly #words = new Int32Array(new SharedArrayBuffer(wordCount * Int32Array.BYTES_PER_ELEMENT))
  readonly #exited: Promise<true>
  #ending: Promise<void> | undefined
  /** Those that it has been told of, by their URLs: the text of one is longer than most jobs. */
  readonly #modules = new Map<string, number>()
  #tenant: Tenant | undefined
  #failure: { readonly error: unknown } | undefined
  /** How many jobs it has been given. */
  jobs = 0
  /** Whether it can be given jobs: not when it is to end, or has ended. */
  isUsable = true

  /** Throws what `new Worker` throws. */
  constructor(options: ThreadOptions, owner: Owner) {
    this.#owner = owner
    const { port1, port2 } = new MessageChannel()
    const start: Start = { port: port2, words: this.#words }
    try {
      this.#worker = new Worker(entry, {
        workerData: start,
        transferList: [port2],
        name: options.name,
        ...(options.env === undefined ? {} : { env: definedOf(options.env) }),
        ...(options.execArgv === undefined ? {} : { execArgv: [...options.execArgv] }),
        ...(options.resourceLimits === undefined ? {} : { resourceLimits: options.resourceLimits })
      })
    } catch (error) {
      port1.close()
      throw error
    }
    this.#port = port1
    this.#port.on("message", (message: ToHost) => this.#tenant?.heard(message))
    // The job would wait for ever for the answer to what could not be read.
    this.#port.on("messageerror", (error) => this.#fail(error))
    this.#worker.on("error", (error) => this.#fail(error))
    this.#exited = new Promise((resolve) => {
      this.#worker.on("exit", (code) => {
        this.#gone(code)
        resolve(true)
      })
    })
    this.#keepAlive(false)
    // The thread keeps the process while it has a job, and needs no help in it.
    this.#port.unref()
  }

  /** Gives it a job, which is then the only one. Throws what `postMessage` throws. */
  start(
    tenant: Tenant,
    url: string,
    name: string,
    args: ReadonlyArray<unknown>,
    context: JobContext | undefined,
    transfer: Array<Transferable>
  ): void {
    const job = this.jobs + 1
    const known = this.#modules.get(url)
    const module = known ?? this.#modules.size
    const first = known === undefined ? url : undefined
    this.#port.postMessage([ToWorker.job, job, module, first, name, args, context] satisfies ToWorker, transfer)
    this.#modules.set(url, module)
    this.jobs = job
    this.#tenant = tenant
    this.#keepAlive(true)
  }

  /** The job has ended: the thread is free, and keeps no process alive. */
  free(): void {
    this.#tenant = undefined
    this.#keepAlive(false)
  }

  /** Wakes the job with an answer. Throws what `postMessage` throws. */
  answer(message: ToWorker, transfer: Array<Transferable>): void {
    this.#port.postMessage(message, transfer)
    this.#wake()
  }

  /** Tells the job, for good, that it is interrupted. */
  interrupt(): void {
    Atomics.store(this.#words, Word.interrupted, this.jobs)
    this.#wake()
  }

  /** Ends the thread, whatever it does. It is over when the thread is gone, or given up after the deadline. */
  end(): Promise<void> {
    if (this.#ending !== undefined) return this.#ending
    this.isUsable = false
    this.#ending = this.#end()
    this.#owner.ending(this, this.#ending)
    return this.#ending
  }

  async #end(): Promise<void> {
    void this.#worker.terminate()
    const milliseconds = this.#owner.killDeadline
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<false>((resolve) => {
      timer = setTimeout(resolve, milliseconds, false)
    })
    const isGone = await Promise.race([this.#exited, late])
    clearTimeout(timer)
    if (isGone) return
    this.#keepAlive(false)
    this.#owner.stuck(this)
    this.#loseTenant({ _tag: "CannotKill", milliseconds })
  }

  #wake(): void {
    Atomics.add(this.#words, Word.wake, 1)
    Atomics.notify(this.#words, Word.wake)
  }

  #fail(error: unknown): void {
    this.#failure ??= { error }
    // It ends by itself, as a rule: with its memory exhausted it may not.
    void this.end()
  }

  #gone(code: number): void {
    this.isUsable = false
    this.#owner.gone(this)
    // What it said last may still be on its way.
    for (;;) {
      const received = receiveMessageOnPort(this.#port)
      if (received === undefined) break
      this.#tenant?.heard(received.message)
    }
    this.#port.close()
    const hasStarted = Atomics.load(this.#words, Word.started) === 1
    this.#loseTenant(reasonOf(hasStarted, this.#failure, code))
  }

  #loseTenant(reason: JobErrorReason): void {
    const tenant = this.#tenant
    this.#tenant = undefined
    tenant?.lost(reason)
  }

  #keepAlive(isKept: boolean): void {
    if (isKept) this.#worker.ref()
    else this.#worker.unref()
  }
}

const reasonOf = (
  hasStarted: boolean,
  failure: { readonly error: unknown } | undefined,
  code: number
): JobErrorReason => {
  const cause = failure?.error
  if (cause instanceof Error && "code" in cause && cause.code === "ERR_WORKER_OUT_OF_MEMORY") {
    return { _tag: "OutOfMemory", cause }
  }
  if (!hasStarted) return { _tag: "NotStarted", cause: cause ?? new Error(`it exited with code ${code}`) }
  return failure === undefined ? { _tag: "WorkerExited", code } : { _tag: "WorkerFailed", cause }
}

/** Node makes the text "undefined" of a variable that is not defined. */
const definedOf = (env: Readonly<Record<string, string | undefined>>): Record<string, string | undefined> =>
  Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined))
