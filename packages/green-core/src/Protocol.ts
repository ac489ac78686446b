/**
 * Protocols: generators that yield what they wait for.
 *
 * A protocol is a generator of `WaitFdRequest`s that is sent a `Readiness` for each. It knows no fiber, no loop and no
 * handler; whoever runs it decides how to wait. `run` steps one through the `register` face of `WaitFd`, so that the
 * whole operation costs a single resumption of the fiber, however often it waits.
 *
 * The shape is that of psycopg 3, `psycopg/generators.py`.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Result from "effect/Result"
import { Scheduler } from "effect/Scheduler"
import { AsyncLocalStorage } from "node:async_hooks"
import * as Fd from "./Fd.ts"
import * as Handler from "./Handler.ts"
import { WaitFd } from "./WaitFd.ts"
import type { WaitFdHandler, WaitFdRequest } from "./WaitFdHandler.ts"

/**
 * A protocol that gives an `A`. It yields requests and is sent the readiness of each; a wait that fails is thrown into
 * it as an `FdError`, so `try`, `catch` and `finally` work as in any function.
 *
 * @category models
 * @since 0.1.0
 */
export type Protocol<A> = Generator<WaitFdRequest, A, Fd.Readiness>

/**
 * The request to wait for a descriptor, to be yielded. Throws the `FdError` of a value that is not a descriptor.
 *
 * @category constructors
 * @since 0.1.0
 */
export const request = (fd: Fd.FdLike, interest: Fd.Interest = "read"): WaitFdRequest => {
  const number = Fd.of(fd, "wait")
  if (Result.isFailure(number)) throw number.failure
  return { fd: number.success, interest, exclusive: false }
}

/**
 * Runs a protocol to its end.
 *
 * Every step runs in the asynchronous context of the caller. A protocol whose waits are answered at once neither
 * deepens the stack nor keeps other fibers from running.
 *
 * Interruption withdraws the wait and returns from the generator: its `finally` blocks run, and what they wait for is
 * waited for, uninterruptibly; what they throw is a defect beside the interruption.
 *
 * An `FdError` that the protocol lets escape is the failure; anything else that it throws is a defect, unless
 * `options.catch` makes an error of both.
 *
 * @example
 * ```ts
 * import * as Effect from "effect/Effect"
 * import { FdIo, Green, Protocol } from "green-core"
 * import { readSync } from "node:fs"
 *
 * // Knows nothing of fibers: it yields what it waits for.
 * function* receive(fd: number): Protocol.Protocol<string> {
 *   yield Protocol.request(fd, "read")
 *   const bytes = new Uint8Array(64)
 *   return new TextDecoder().decode(bytes.subarray(0, readSync(fd, bytes)))
 * }
 *
 * const program = Effect.gen(function*() {
 *   const pipe = yield* FdIo.makePipe
 *   yield* FdIo.write(pipe.writer, new TextEncoder().encode("hello"))
 *   return yield* Protocol.run(() => receive(pipe.reader))
 * })
 *
 * console.log(await Effect.runPromise(program.pipe(Effect.provide(Green.layer))))
 * ```
 *
 * @category operations
 * @since 0.1.0
 */
export function run<A>(protocol: () => Protocol<A>): Effect.Effect<A, Fd.FdError, WaitFd>
export function run<A, E>(
  protocol: () => Protocol<A>,
  options: { readonly catch: (thrown: unknown) => E }
): Effect.Effect<A, E, WaitFd>
export function run<A>(
  protocol: () => Protocol<A>,
  options?: { readonly catch: (thrown: unknown) => unknown }
): Effect.Effect<A, unknown, WaitFd> {
  const failure = options === undefined ? failureOf : (thrown: unknown) => Exit.fail(options.catch(thrown))
  return Effect.withFiber<A, unknown, WaitFd>((fiber) =>
    Effect.callback<A, unknown>((resume) => {
      const { context } = fiber
      const stepper = new Stepper(protocol, Context.getUnsafe(context, WaitFd), context, failure, resume, {
        enter: AsyncLocalStorage.snapshot(),
        schedule: (task) => fiber.currentDispatcher.scheduleTask(task, 0)
      })
      stepper.start()
      return Effect.callback<void>((stopped) =>
        stepper.stop((exit) =>
          stopped(
            Exit.isFailure(exit) && !Cause.hasInterruptsOnly(exit.cause)
              ? Exit.die(Cause.squash(exit.cause))
              : Exit.void
          )
        )
      )
    })
  )
}

/**
 * Starts a protocol that belongs to no fiber, as a connection that serves many fibers needs one. It runs to its first
 * wait within the call; `onExit` is called once, when it is over, perhaps within the call. It must not throw: whoever
 * wakes the protocol would get that.
 *
 * The steps run in whatever asynchronous context the handler resumes in. `context` is what the handler sees as that of
 * the caller, and names the scheduler by which others get their turn: take it from a fiber, by `Effect.context`.
 *
 * The exit fails with the `FdError` that the protocol lets escape; anything else that it throws is a defect.
 *
 * The result stops it, as an interruption does: the wait is withdrawn, the `finally` blocks run, and what they wait for
 * is waited for. The exit is then an interruption, or the defect that they threw. A protocol that stops itself goes on
 * to its next wait; when it ends before that, the exit is its own. Harmless when it is over, and a second time.
 *
 * Nobody stops it but you: a fiber that starts one does so in `Effect.acquireRelease`.
 *
 * @category operations
 * @since 0.1.0
 */
export const start = <A>(
  protocol: () => Protocol<A>,
  handler: WaitFdHandler,
  context: Context.Context<never>,
  onExit: (exit: Exit.Exit<A, Fd.FdError>) => void
): (() => void) => {
  let over = false
  const finish = (exit: Exit.Exit<A, Fd.FdError>): void => {
    over = true
    onExit(exit)
  }
  const stepper = new Stepper(protocol, handler, context, failureOf, finish, {
    enter: undefined,
    schedule: (task) => Context.get(context, Scheduler).makeDispatcher().scheduleTask(task, 0)
  })
  stepper.start()
  return () => {
    if (!over) stepper.stop(finish)
  }
}

const failureOf = (thrown: unknown): Exit.Exit<never, Fd.FdError> =>
  thrown instanceof Fd.FdError ? Exit.fail(thrown) : Exit.die(thrown)

/** How many waits may be answered within the call before other fibers get their turn. */
const mostStepsAtOnce = 1024

type Move = "start" | "return" | Exit.Exit<Fd.Readiness, Fd.FdError>

/** Where the steps run: in which asynchronous context, and who calls when others had their turn. */
interface Place {
  readonly enter: (<A>(step: () => A) => A) | undefined
  readonly schedule: (task: () => void) => void
}

class Stepper<A, E> {
  /** A fiber's own changes as it goes on; the steps see the one in which the protocol was run. */
  readonly #context: Context.Context<never>
  readonly #handler: WaitFdHandler
  readonly #failure: (thrown: unknown) => Exit.Exit<never, E>
  readonly #place: Place
  readonly #protocol: () => Protocol<A>
  #generator: Protocol<A> | undefined
  #resume: (exit: Exit.Exit<A, E>) => void
  #withdraw: Handler.Withdraw = Handler.nothingToWithdraw
  #stepping = false
  #stopped = false
  /** It was told to return: whatever the generator gives after that, it was stopped. */
  #returning = false

  constructor(
    protocol: () => Protocol<A>,
    handler: WaitFdHandler,
    context: Context.Context<never>,
    failure: (thrown: unknown) => Exit.Exit<never, E>,
    resume: (exit: Exit.Exit<A, E>) => void,
    place: Place
  ) {
    this.#protocol = protocol
    this.#handler = handler
    this.#context = context
    this.#failure = failure
    this.#resume = resume
    this.#place = place
  }

  start(): void {
    this.#advance("start")
  }

  /** Stops it; `stopped` gets the exit that `resume` would have got. To return twice would leave a `finally` block. */
  stop(stopped: (exit: Exit.Exit<A, E>) => void): void {
    if (this.#stopped) return
    this.#stopped = true
    this.#resume = stopped
    this.#withdraw()
    // A protocol that interrupts its own fiber is in the middle of a step, which goes on to stop.
    if (!this.#stepping) this.#advance("return")
  }

  #advance(move: Move): void {
    this.#stepping = true
    let exit: Exit.Exit<A, E> | undefined
    try {
      exit = this.#steps(move)
    } catch (thrown) {
      exit = this.#returning ? Exit.die(thrown) : this.#failure(thrown)
    } finally {
      this.#stepping = false
    }
    if (exit !== undefined) this.#resume(exit)
  }

  /** Steps until the protocol is over, or has to wait. */
  #steps(first: Move): Exit.Exit<A, E> | undefined {
    let move: Move | undefined = first
    for (let steps = 1; move !== undefined; steps++) {
      if (steps > mostStepsAtOnce) return this.#later(move)
      const wasStopped: boolean = this.#stopped
      let request: WaitFdRequest
      if (move === "return") {
        this.#returning = true
        const generator: Generator<WaitFdRequest, unknown, Fd.Readiness> | undefined = this.#generator
        const result = generator?.return(undefined)
        if (result === undefined || result.done === true) return Exit.interrupt()
        request = result.value
      } else {
        const result = this.#step(move)
        if (result.done === true) return this.#returning ? Exit.interrupt() : Exit.succeed(result.value)
        request = result.value
      }
      move = this.#stopped && !wasStopped ? "return" : this.#wait(request)
    }
    return undefined
  }

  #step(move: "start" | Exit.Exit<Fd.Readiness, Fd.FdError>): IteratorResult<WaitFdRequest, A> {
    const generator = (this.#generator ??= this.#protocol())
    if (move === "start") return generator.next()
    return Exit.isSuccess(move) ? generator.next(move.value) : generator.throw(Cause.squash(move.cause))
  }

  /** The answer, if it was given within the call; else the protocol goes on when it comes. */
  #wait(request: WaitFdRequest): Move | undefined {
    const wasStopped = this.#stopped
    let within = true
    let answer: Move | undefined
    const withdraw = this.#handler.register(
      request,
      (exit) => {
        if (within) {
          answer = exit
        } else {
          this.#withdraw = Handler.nothingToWithdraw
          this.#goOn(exit)
        }
      },
      this.#context
    )
    within = false
    // A handler may interrupt the fiber that waits.
    if (this.#stopped && !wasStopped) {
      withdraw()
      return "return"
    }
    if (answer === undefined) this.#withdraw = withdraw
    return answer
  }

  #later(move: Move): undefined {
    let withdrawn = false
    this.#withdraw = () => {
      withdrawn = true
    }
    this.#place.schedule(() => {
      if (!withdrawn) this.#goOn(move)
    })
  }

  #goOn(move: Move): void {
    const { enter } = this.#place
    if (enter === undefined) this.#advance(move)
    else enter(() => this.#advance(move))
  }
}
