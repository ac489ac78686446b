/**
 * The port of a worker thread: a request is a message, and the thread sleeps on a word of shared memory until the host
 * has counted it up.
 *
 * One for the thread; `begin` makes it the port of a job. Replies to requests that nobody waits for any more are
 * dropped, whichever job they belong to: numbers of requests are never used again.
 */
import type { MessagePort } from "node:worker_threads"
import { receiveMessageOnPort } from "node:worker_threads"
import { transferOf } from "../cloneable.ts"
import { type JobContext, type Reply, ToHost, ToWorker, Word } from "../wire.ts"
import type { Port } from "./Port.ts"

export class ThreadPort implements Port {
  readonly #port: MessagePort
  readonly #words: Int32Array
  job = 0
  #requests = 0
  #spans = 0
  /** The count of messages that were there when the last request was made: what comes later wakes. */
  #seen = 0
  context: JobContext | undefined
  span = 0

  constructor(port: MessagePort, words: Int32Array) {
    this.#port = port
    this.#words = words
  }

  begin(job: number, context: JobContext | undefined): void {
    this.job = job
    this.#spans = 0
    this.context = context
    this.span = 0
  }

  get interrupted(): boolean {
    return Atomics.load(this.#words, Word.interrupted) === this.job
  }

  nextSpan(): number {
    return ++this.#spans
  }

  request(operation: string, payload: unknown): number {
    const request = ++this.#requests
    this.#ask([ToHost.request, request, operation, payload, this.span])
    return request
  }

  pull(request: number): void {
    this.#ask([ToHost.pull, request])
  }

  cancel(request: number): void {
    this.say([ToHost.cancel, request])
  }

  say(message: ToHost): void {
    this.#port.postMessage(message, transferOf(message))
  }

  #ask(message: ToHost): void {
    this.#seen = Atomics.load(this.#words, Word.wake)
    this.say(message)
  }

  answer(request: number, milliseconds: number): Reply | "timed out" | "interrupted" {
    const deadline = milliseconds === Infinity ? Infinity : performance.now() + milliseconds
    for (;;) {
      if (this.interrupted) return "interrupted"
      const left = deadline === Infinity ? Infinity : deadline - performance.now()
      Atomics.wait(this.#words, Word.wake, this.#seen, Math.max(0, left))
      this.#seen = Atomics.load(this.#words, Word.wake)
      for (;;) {
        const received: { readonly message: ToWorker } | undefined = receiveMessageOnPort(this.#port)
        if (received === undefined) break
        const message = received.message
        if (message[0] === ToWorker.reply && message[1] === request) return message
      }
      if (left <= 0) return this.interrupted ? "interrupted" : "timed out"
    }
  }
}
