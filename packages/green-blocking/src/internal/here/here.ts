/**
 * Jobs in the thread of their caller, one in another if a handler runs one.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { JobRequest } from "../../GreenWorkers.ts"
import { JobError } from "../../JobError.ts"
import type { AnySharedReference } from "../../SharedReference.ts"
import { placeOf } from "../declared.ts"
import { handlerContext } from "../dynamic.ts"
import { exitOf, failed } from "../host/exits.ts"
import type { Handler } from "../host/Handlers.ts"
import { jobContextOf } from "../host/jobContext.ts"
import { Telemetry } from "../host/Telemetry.ts"
import { fromThrown, toThrown } from "../thrown.ts"
import type { Done } from "../wire.ts"
import { type Module, jobOf, run } from "../worker/running.ts"
import { HerePort, copyOf } from "./HerePort.ts"

type Handlers = ReadonlyMap<string, Handler>

/** What a job has in its thread: the handlers of its operations, and what it sees of its caller. */
export interface Surroundings {
  readonly handlers: Handlers
  readonly references: ReadonlyArray<AnySharedReference>
}

/** Calls a function with a port of its own; over when nothing that it has asked for goes on. */
export const withPort = <A, E>(
  job: { readonly name: string },
  { handlers, references }: Surroundings,
  f: (port: HerePort) => Exit.Exit<A, E>
): Effect.Effect<A, E | JobError> =>
  Effect.withFiber((fiber) => {
    const depth = fiber.getRef(Depth) + 1
    const context = jobContextOf(fiber.context, references)
    if (context !== undefined && "invalid" in context)
      return failed(job, { _tag: "InvalidReference", ...context.invalid })
    const telemetry = new Telemetry(fiber.context, job.name)
    return Effect.callback((resume) => {
      const contextFor = (handler: Handler, span: number) =>
        Context.add(handlerContext(telemetry.within(span), handler.context, references), Depth, depth)
      const port = new HerePort(handlers, contextFor, context, telemetry)
      const exit = f(port)
      port.end(() => resume(exit))
    })
  })

/** Within how many jobs a fiber is that are one in another. */
const Depth = Context.Reference("green-blocking/testing/Depth", { defaultValue: () => 0 })

/** The jobs of a pool that has no threads. */
export class Here {
  readonly #surroundings: Surroundings
  readonly #maxDepth: number
  readonly #modules = new Map<string, Module>()
  running = 0
  isClosed = false

  constructor(surroundings: Surroundings, maxDepth: number) {
    this.#surroundings = surroundings
    this.#maxDepth = maxDepth
  }

  run(request: JobRequest): Effect.Effect<unknown, unknown> {
    return Effect.withFiber((fiber) => {
      const depth = fiber.getRef(Depth) + 1
      if (depth > this.#maxDepth) return failed(request, { _tag: "NestedTooDeep", depth })
      if (this.isClosed) return failed(request, { _tag: "Closed" })
      const sent = copyOf(request.args)
      if ("problem" in sent) return failed(request, { _tag: "NotCloneable", part: "arguments", ...sent.problem })
      return Effect.flatMap(this.#module(request), (module) => this.#call(request, module, sent.copy))
    })
  }

  /** Loads a module, so that its jobs need not wait for that. Fails with what the import was rejected with. */
  load(url: string): Effect.Effect<Module, { readonly cause: unknown }> {
    return Effect.map(
      Effect.tryPromise({ try: (): Promise<Module> => import(url), catch: (cause) => ({ cause }) }),
      (module) => {
        this.#modules.set(url, module)
        return module
      }
    )
  }

  /** One that is there is given at once: the handler of a job may wait for nothing. */
  #module(request: JobRequest): Effect.Effect<Module, JobError> {
    const module = this.#modules.get(request.url)
    if (module !== undefined) return Effect.succeed(module)
    return Effect.mapError(this.load(request.url), ({ cause }) => {
      const arrived = fromThrown(structuredClone(toThrown(cause)), placeOf(request.name))
      return new JobError({ job: request.name, reason: { _tag: "NotLoaded", cause: arrived } })
    })
  }

  #call(request: JobRequest, module: Module, args: ReadonlyArray<unknown>): Effect.Effect<unknown, unknown> {
    return withPort(request, this.#surroundings, (port) => {
      const f = jobOf(module, port.job, request.name)
      if (typeof f !== "function") return exitOf(request, f)
      let done: Done | undefined
      this.running++
      run(port, f, args, (said, transfer) => {
        done = structuredClone(said, { transfer })
      })
      this.running--
      return done === undefined ? Exit.interrupt() : exitOf(request, done)
    })
  }
}
