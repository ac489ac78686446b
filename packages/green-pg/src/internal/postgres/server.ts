/**
 * The process of a server: started, stopped, and always ended.
 */
import { Clock } from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import { type ChildProcess, spawn } from "node:child_process"
import { randomInt } from "node:crypto"
import { closeSync, openSync, readFileSync, statSync } from "node:fs"
import * as Fs from "node:fs/promises"
import * as Path from "node:path"
import { PostgresServerError } from "../../testing/PostgresServerError.ts"
import { attempt, kill, notRun, surroundings, tail } from "./process.ts"

export const host = "127.0.0.1"

export type StopMode = "smart" | "fast" | "immediate"

export interface Places {
  readonly program: string
  readonly directory: string
  readonly data: string
  readonly sockets: string
}

export interface Server {
  readonly port: number
  readonly processId: Effect.Effect<number | undefined>
  readonly log: Effect.Effect<string, PostgresServerError>
  readonly start: Effect.Effect<void, PostgresServerError>
  readonly stop: (mode?: StopMode) => Effect.Effect<void>
  readonly reload: Effect.Effect<void>
}

interface Postmaster {
  readonly child: ChildProcess
  readonly id: number
  readonly ended: Deferred.Deferred<{ readonly code: number | null; readonly signal: string | null }>
  /** What it says in the log from its start. */
  readonly said: () => string
  /** It has been told to stop. */
  stopping: boolean
}

const signals = { smart: "SIGTERM", fast: "SIGINT", immediate: "SIGQUIT" } as const

/** Starts a server on a free port, and ends it with the scope. */
export const make = (places: Places): Effect.Effect<Server, PostgresServerError, Scope.Scope> =>
  Effect.gen(function* () {
    const turn = Semaphore.makeUnsafe(1)
    let current: Postmaster | undefined

    /** Does not wait: the server is `current` from the moment on that there is a process. */
    const launch = (port: number) =>
      Effect.try({
        try: () => {
          const postmaster = spawnPostmaster(places, port)
          current = postmaster
          postmaster.child.once("exit", () => {
            if (current === postmaster) current = undefined
          })
          return postmaster
        },
        catch: (cause) => notRun(places.program, cause)
      })

    const startOn = (port: number): Effect.Effect<void, PostgresServerError> =>
      launch(port).pipe(
        Effect.flatMap((postmaster) => untilReady(places, postmaster)),
        Effect.onError(() => stop("immediate"))
      )

    const stop = (mode: StopMode = "fast"): Effect.Effect<void> =>
      Effect.suspend(() => {
        const postmaster = current
        if (postmaster === undefined) return Effect.void
        postmaster.stopping = true
        postmaster.child.ref()
        kill(postmaster.id, signals[mode])
        return Effect.ensuring(
          Effect.asVoid(Deferred.await(postmaster.ended)),
          Effect.sync(() => postmaster.child.unref())
        )
      })

    /** The end of the scope: nobody waits for long, and in the end nothing runs. */
    const end: Effect.Effect<void> = Effect.gen(function* () {
      for (const signal of [signals.fast, signals.immediate, "SIGKILL"] as const) {
        const postmaster = current
        if (postmaster === undefined) return
        kill(postmaster.id, signal)
        yield* endsWithin(postmaster.child, 5_000)
      }
    })

    yield* Effect.addFinalizer(() => end)
    const port = yield* inRealTime(
      Effect.retry(
        Effect.suspend(() => {
          const port = anyPort()
          return Effect.as(startOn(port), port)
        }),
        { while: isPortTaken, times: 20 }
      )
    )

    return {
      port,
      processId: Effect.sync(() => current?.id),
      log: attempt("reading the server's log", () => Fs.readFile(logOf(places), "utf8")),
      start: turn.withPermits(1)(
        inRealTime(
          Effect.suspend(() => {
            if (current?.stopping === false) return Effect.void
            const before = current === undefined ? Effect.void : Deferred.await(current.ended)
            return Effect.andThen(before, startOn(port)).pipe(
              Effect.retry({ while: isStillTaken, schedule: Schedule.spaced("50 millis"), times: 100 })
            )
          })
        )
      ),
      stop,
      reload: Effect.sync(() => {
        if (current !== undefined) kill(current.id, "SIGHUP")
      })
    }
  })

const logOf = (places: Places) => Path.join(places.directory, "log")

const spawnPostmaster = (places: Places, port: number): Postmaster => {
  const logFile = logOf(places)
  // A file and not a pipe: the server must not wait for us to read, since we may be blocked, and by a query of its own.
  const log = openSync(logFile, "a")
  try {
    const before = statSync(logFile).size
    const args = ["-D", places.data, "-p", String(port), "-k", places.sockets, "-c", `listen_addresses=${host}`]
    const child = spawn(places.program, args, { ...surroundings(places.directory), stdio: ["ignore", log, log] })
    const ended: Postmaster["ended"] = Deferred.makeUnsafe()
    child.once("error", () => Deferred.doneUnsafe(ended, Effect.succeed({ code: null, signal: null })))
    child.once("exit", (code, signal) => Deferred.doneUnsafe(ended, Effect.succeed({ code, signal })))
    if (child.pid === undefined) throw new Error("no process could be made of it")
    const said = () => tail(readFileSync(logFile).subarray(before).toString())
    return { child, id: child.pid, ended, said, stopping: false }
  } finally {
    closeSync(log)
  }
}

/** A server runs in real time, whatever the clock of a test. */
const inRealTime = Effect.provideService(Clock, Clock.defaultValue())

const patience = 60_000

const untilReady = (places: Places, postmaster: Postmaster): Effect.Effect<void, PostgresServerError> =>
  Effect.raceFirst(
    Effect.repeat(
      Effect.sync(() => isReady(places, postmaster)),
      { until: (ready: boolean) => ready, schedule: Schedule.spaced("5 millis") }
    ),
    Effect.flatMap(Deferred.await(postmaster.ended), ({ code, signal }) =>
      Effect.fail(
        new PostgresServerError({
          reason: { _tag: "Exited", program: "postgres", code, signal, output: postmaster.said() }
        })
      )
    )
  ).pipe(
    Effect.timeoutOrElse({
      duration: patience,
      orElse: () =>
        Effect.fail(
          new PostgresServerError({
            reason: { _tag: "TimedOut", milliseconds: patience, output: postmaster.said() }
          })
        )
    }),
    Effect.andThen(
      Effect.sync(() => {
        // A program that has nothing else to do may end.
        postmaster.child.unref()
      })
    )
  )

/** It says how far it is in the file of its number, as pg_ctl reads it. */
const isReady = (places: Places, postmaster: Postmaster): boolean => {
  try {
    const lines = readFileSync(Path.join(places.data, "postmaster.pid"), "utf8").split("\n")
    return lines[0] === String(postmaster.id) && lines[7]?.trim() === "ready"
  } catch {
    return false
  }
}

const endsWithin = (child: ChildProcess, milliseconds: number): Effect.Effect<void> =>
  Effect.callback((resume) => {
    if (child.exitCode !== null || child.signalCode !== null) return resume(Effect.void)
    const timer = setTimeout(() => resume(Effect.void), milliseconds)
    child.once("exit", () => {
      clearTimeout(timer)
      resume(Effect.void)
    })
  })

/** Not one of those that the system gives to outgoing connections, which would take it while the server is stopped. */
const anyPort = () => randomInt(20_000, 32_000)

const says = (error: PostgresServerError, text: string) =>
  error.reason._tag === "Exited" && error.reason.output.includes(text)

const isPortTaken = (error: PostgresServerError) => says(error, "Address already in use")

/** By the one before it, or by its children, who notice the death of a postmaster that was killed only by and by. */
const isStillTaken = (error: PostgresServerError) =>
  isPortTaken(error) || says(error, "pre-existing shared memory block")
