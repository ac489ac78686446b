/** A pool of this package, with handlers that answer at once. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import { green, GreenWorkers } from "green-blocking"
import { Operations } from "./operations.ts"

const Handlers = Operations.toLayer({
  Get: ({ key }) => Effect.sync(() => key),
  Bytes: (bytes) => Effect.sync(() => bytes)
})

export const runtimeOf = (size: number): ManagedRuntime.ManagedRuntime<GreenWorkers, unknown> =>
  ManagedRuntime.make(GreenWorkers.layer(Operations, { size }).pipe(Layer.provide(Handlers)))

const jobs = () => import("./jobs.ts")
const jobsUrl = new URL("jobs.mjs", import.meta.url)
const plainJobs = () => import("./plainJobs.ts")
const plainJobsUrl = new URL("plainJobs.mjs", import.meta.url)

export const trips = green(jobs, jobsUrl, "trips")
export const large = green(jobs, jobsUrl, "large")
export const hold = green(jobs, jobsUrl, "hold")
export const nothing = green(plainJobs, plainJobsUrl, "nothing")
export const compute = green(plainJobs, plainJobsUrl, "compute")
export const holdPlain = green(plainJobs, plainJobsUrl, "hold")
