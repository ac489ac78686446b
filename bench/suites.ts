/**
 * What there is to measure, by suite. Each measure runs in a process of its own.
 */
import type { Measure } from "./harness.ts"

type Suite = Readonly<Record<string, () => Promise<{ readonly measure: Measure }>>>

export const suites: Readonly<Record<string, Suite>> = {
  core: {
    roundTrip: () => import("./core/roundTrip.ts"),
    idleDescriptors: () => import("./core/idleDescriptors.ts"),
    memory: () => import("./core/memory.ts"),
    promises: () => import("./core/promises.ts"),
    blocking: () => import("./core/blocking.ts"),
    stream: () => import("./core/stream.ts"),
    idle: () => import("./core/idle.ts")
  },
  pool: {
    results: () => import("./pool/results.ts"),
    heap: () => import("./pool/heap.ts"),
    floor: () => import("./pool/floor.ts"),
    backpressure: () => import("./pool/backpressure.ts"),
    flat: () => import("./pool/flat.ts"),
    timers: () => import("./pool/timers.ts"),
    idle: () => import("./pool/idle.ts")
  },
  serve: {
    request: () => import("./serve/request.ts"),
    saturated: () => import("./serve/saturated.ts")
  },
  http: {
    get: () => import("./http/get.ts"),
    single: () => import("./http/single.ts"),
    peers: () => import("./http/peers.ts"),
    floor: () => import("./http/floor.ts"),
    tracer: () => import("./http/tracer.ts"),
    features: () => import("./http/features.ts"),
    download: () => import("./http/download.ts"),
    redirects: () => import("./http/redirects.ts"),
    memory: () => import("./http/memory.ts")
  },
  pg: {
    sequential: () => import("./pg/sequential.ts"),
    pipelined: () => import("./pg/pipelined.ts"),
    connections: () => import("./pg/connections.ts"),
    many: () => import("./pg/many.ts"),
    pipeline: () => import("./pg/pipeline.ts")
  },
  blocking: {
    roundTrip: () => import("./blocking/roundTrip.ts"),
    megabyte: () => import("./blocking/megabyte.ts"),
    crowd: () => import("./blocking/crowd.ts"),
    jobs: () => import("./blocking/jobs.ts"),
    threads: () => import("./blocking/threads.ts"),
    delay: () => import("./blocking/delay.ts")
  },
  runtimes: {
    relay: () => import("./runtimes/relay.ts"),
    files: () => import("./runtimes/files.ts"),
    elsewhere: () => import("./runtimes/elsewhere.ts")
  }
}
