/** Pools of the tests, and their jobs. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import {
  green,
  GreenWorkers,
  type WorkersOptions,
  type WorkersOptionError,
  type WorkersStatistics
} from "green-blocking"
import { HazardOps } from "../fixtures/hazards/ops.ts"

const plainUrl = new URL("../fixtures/hazards/plain.ts", import.meta.url)
const loadPlain = () => import("../fixtures/hazards/plain.ts")
const performingUrl = new URL("../fixtures/hazards/performing.ts", import.meta.url)
const loadPerforming = () => import("../fixtures/hazards/performing.ts")

/** Jobs that perform nothing. */
export const threadId = green(loadPlain, plainUrl, "threadId")
export const add = green(loadPlain, plainUrl, "add")
export const spin = green(loadPlain, plainUrl, "spin")
export const sleep = green(loadPlain, plainUrl, "sleep")
export const runProgram = green(loadPlain, plainUrl, "runProgram")
export const exit = green(loadPlain, plainUrl, "exit")
export const overflow = green(loadPlain, plainUrl, "overflow")
export const throwLater = green(loadPlain, plainUrl, "throwLater")
export const rejectLater = green(loadPlain, plainUrl, "rejectLater")
export const exitLater = green(loadPlain, plainUrl, "exitLater")
export const endLater = green(loadPlain, plainUrl, "endLater")
export const endWhileLoading = green(loadPlain, plainUrl, "endWhileLoading")
export const sum = green(loadPlain, plainUrl, "sum")
export const idOf = green(loadPlain, plainUrl, "idOf")
export const threadEnvironment = green(loadPlain, plainUrl, "threadEnvironment")
export const threadArguments = green(loadPlain, plainUrl, "threadArguments")
export const take = green(loadPlain, plainUrl, "take")
export const remember = green(loadPlain, plainUrl, "remember")

/** Jobs that perform operations. */
export const ask = green(loadPerforming, performingUrl, "ask")
export const wait = green(loadPerforming, performingUrl, "wait")
export const swallow = green(loadPerforming, performingUrl, "swallow")
export const stubborn = green(loadPerforming, performingUrl, "stubborn")
export const askAfterTimeout = green(loadPerforming, performingUrl, "askAfterTimeout")
export const askHastily = green(loadPerforming, performingUrl, "askHastily")
export const askTwice = green(loadPerforming, performingUrl, "askTwice")
export const askForEver = green(loadPerforming, performingUrl, "askForEver")

export interface Answers {
  readonly Ask?: (n: number) => Effect.Effect<number>
  readonly Other?: (n: number) => Effect.Effect<number>
  readonly Never?: Effect.Effect<void>
  readonly Numbers?: Stream.Stream<number>
}

const handlers = ({ Ask, Never, Numbers, Other }: Answers) =>
  HazardOps.toLayer({
    Ask: Ask ?? Effect.succeed,
    Other: Other ?? Effect.succeed,
    Never: () => Never ?? Effect.never,
    Numbers: () => Numbers ?? Stream.range(1, 1_000_000)
  })

/** A pool whose operations give back what they are given, unless said. */
export const workers = (
  options: WorkersOptions = {},
  answers: Answers = {}
): Layer.Layer<GreenWorkers, WorkersOptionError> =>
  Layer.provide(GreenWorkers.layer(HazardOps, options), handlers(answers))

/** A second pool beside the first. */
export class OtherWorkers extends Context.Service<OtherWorkers, GreenWorkers["Service"]>()("OtherWorkers") {}

export const otherWorkers = (
  options: WorkersOptions = {},
  answers: Answers = {}
): Layer.Layer<OtherWorkers, WorkersOptionError> =>
  Layer.provide(Layer.effect(OtherWorkers, GreenWorkers.make(HazardOps, options)), handlers(answers))

/** Within a handler: a job in a pool of the job for which it runs, whose context it has. */
export const nested = <A, E>(job: Effect.Effect<A, E, GreenWorkers | OtherWorkers>): Effect.Effect<A> =>
  Effect.contextWith((context: Context.Context<never>) =>
    hasPools(context) ? Effect.orDie(Effect.provideContext(job, context)) : Effect.die(new Error("no pool"))
  )

const hasPools = (context: Context.Context<never>): context is Context.Context<GreenWorkers | OtherWorkers> =>
  Context.getOption(context, GreenWorkers)._tag === "Some"

export const statistics: Effect.Effect<WorkersStatistics, never, GreenWorkers> = Effect.flatMap(
  GreenWorkers,
  (pool) => pool.statistics
)

/** Turns of the loop until the statistics are so. Its bound is that of the test. */
export const until = (holds: (statistics: WorkersStatistics) => boolean): Effect.Effect<void, never, GreenWorkers> =>
  Effect.flatMap(statistics, (now) =>
    holds(now)
      ? Effect.void
      : Effect.andThen(
          Effect.promise(turn),
          Effect.suspend(() => until(holds))
        )
  )

const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 1))
