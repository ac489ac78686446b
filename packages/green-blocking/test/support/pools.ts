/** The two ways to run jobs: what is said of one holds of the other. */
import * as Layer from "effect/Layer"
import type * as Rpc from "effect/rpc/Rpc"
import type * as RpcGroup from "effect/rpc/RpcGroup"
import {
  GreenWorkers,
  type Handlers,
  type NeedsNoServices,
  type SharedReference,
  type WorkersOptionError
} from "green-blocking"
import { InThread } from "green-blocking/testing"

interface Pool {
  readonly kind: "worker threads" | "the thread of the test"
  readonly layer: <R extends Rpc.Any, E, RIn>(
    group: RpcGroup.RpcGroup<R>,
    handlers: Layer.Layer<Handlers<R>, E, RIn>,
    options?: { readonly references?: ReadonlyArray<SharedReference.AnySharedReference> },
    ...mistake: NeedsNoServices<R>
  ) => Layer.Layer<GreenWorkers, E | WorkersOptionError, RIn>
}

export const threads: Pool = {
  kind: "worker threads",
  layer: (group, handlers, options = {}, ...mistake) =>
    Layer.provide(GreenWorkers.layer(group, { size: 2, ...options }, ...mistake), handlers)
}

const inThread: Pool = {
  kind: "the thread of the test",
  layer: (group, handlers, options = {}, ...mistake) =>
    Layer.provide(InThread.layer(group, options, ...mistake), handlers)
}

export const pools: ReadonlyArray<Pool> = [threads, inThread]
