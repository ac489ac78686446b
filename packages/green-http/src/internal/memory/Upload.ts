/**
 * The body of a request as an application in the same process reads it: a `ReadableStream` that is pulled as it is read.
 *
 * It ends with the exchange at the latest. What the application still reads then fails: a part is never taken for all.
 */
import type * as Context from "effect/Context"
import * as Stream from "effect/Stream"
import { failure, HttpError } from "../../HttpError.ts"
import type { ExchangeRequest, RequestBody } from "../../HttpExchange.ts"
import { outgoing } from "../body/outgoing.ts"

export class Upload {
  readonly readable: ReadableStream<Uint8Array>
  readonly #request: ExchangeRequest
  readonly #source: AsyncIterator<Uint8Array>
  readonly #failed: (error: HttpError) => void
  #open = true
  #failure: HttpError | undefined
  #fail: (error: unknown) => void = () => {}

  constructor(
    request: ExchangeRequest,
    body: Exclude<RequestBody, Uint8Array>,
    context: Context.Context<never>,
    failed: (error: HttpError) => void
  ) {
    this.#request = request
    this.#failed = failed
    this.#source = Stream.toAsyncIterableWith(outgoing(request, body), context)[Symbol.asyncIterator]()
    this.readable = new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          this.#fail = (error) => controller.error(error)
        },
        pull: (controller) => this.#pull(controller),
        cancel: () => this.#end()
      },
      { highWaterMark: 0 }
    )
  }

  /** Why it could not be read to its end, if that was its own fault. */
  get failure(): HttpError | undefined {
    return this.#failure
  }

  /** Lets go of it. Harmless when it has ended. */
  close(): void {
    if (!this.#open) return
    this.#fail(new Error("the exchange is over: the rest of the body is not sent"))
    // Its failure has been told, or nobody is there to hear of it.
    this.#end().catch(() => {})
  }

  async #pull(controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
    try {
      const { done, value } = await this.#source.next()
      if (!this.#open) return
      if (done !== true) return controller.enqueue(value)
      this.#open = false
      controller.close()
    } catch (cause) {
      if (!this.#open) return
      const error = cause instanceof HttpError ? cause : failure(this.#request, { _tag: "RequestBody", cause })
      this.#failure = error
      this.#fail(error)
      this.#end().catch(() => {})
      this.#failed(error)
    }
  }

  async #end(): Promise<void> {
    this.#open = false
    await this.#source.return?.()
  }
}
