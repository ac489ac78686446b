/** The types of `green` and of the layers: what is inferred, and what does not compile. */
import { describe, expectTypeOf, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as SchemaGetter from "effect/SchemaGetter"
import * as Rpc from "effect/rpc/Rpc"
import * as RpcGroup from "effect/rpc/RpcGroup"
import { green, GreenWorkers, type JobError, type WorkersOptionError } from "green-blocking"
import { InThread } from "green-blocking/testing"
import { perform } from "green-blocking/worker"
import { type Allowed, NotFound, PayloadOps } from "./fixtures/payloadOps.ts"
import { StreamOps } from "./fixtures/streamOps.ts"

const url = new URL("./fixtures/payloadJobs.ts", import.meta.url)
const load = () => import("./fixtures/payloadJobs.ts")

class OtherWorkers extends Context.Service<OtherWorkers, GreenWorkers["Service"]>()("test/OtherWorkers") {}

/** A module that is only a type. */
const of =
  <Module>() =>
  (): Promise<Module> =>
    Promise.reject(new Error("only a type"))

class Region extends Context.Service<Region, string>()("test/Region") {}
const Placed = Schema.String.pipe(
  Schema.decodeTo(Schema.String, {
    decode: SchemaGetter.transformEffect((value: string) => Effect.map(Region, (region) => `${region}/${value}`)),
    encode: SchemaGetter.transformEffect((value: string) =>
      Effect.map(Region, (region) => value.slice(region.length + 1))
    )
  })
)

describe("green", () => {
  it("infers arguments, result, errors and the pool", () => {
    expectTypeOf(green(load, url, "get")).toEqualTypeOf<
      (key: string) => Effect.Effect<string, JobError, GreenWorkers>
    >()
    expectTypeOf(green(load, url, "get", { error: NotFound })).toEqualTypeOf<
      (key: string) => Effect.Effect<string, NotFound | JobError, GreenWorkers>
    >()
    expectTypeOf(green(load, url, "get", { workers: OtherWorkers })).toEqualTypeOf<
      (key: string) => Effect.Effect<string, JobError, OtherWorkers>
    >()
    expectTypeOf(green(of<{ bytes: (size?: number) => Buffer<ArrayBuffer> }>(), url, "bytes")).toEqualTypeOf<
      (size?: number) => Effect.Effect<Uint8Array<ArrayBuffer>, JobError, GreenWorkers>
    >()
  })

  it("refuses a name that is not exported, and what is no function", () => {
    // @ts-expect-error no such export
    green(load, url, "nothing")
    // @ts-expect-error no function
    green(of<{ value: number }>(), url, "value")
  })

  it("refuses wrong arguments", () => {
    const get = green(load, url, "get")
    // @ts-expect-error a number
    void get(1)
    // @ts-expect-error none
    void get()
    // @ts-expect-error too many
    void get("a", "b")
  })

  it("refuses functions that return promises", () => {
    // @ts-expect-error a promise
    green(of<{ job: () => Promise<number> }>(), url, "job")
    // @ts-expect-error sometimes a promise
    green(of<{ job: () => number | Promise<number> }>(), url, "job")
  })

  it("refuses arguments and results that cannot be cloned", () => {
    // @ts-expect-error a function as an argument
    green(of<{ job: (f: () => void) => void }>(), url, "job")
    // @ts-expect-error a function deep in an argument
    green(of<{ job: (options: { readonly on: { readonly end: () => void } }) => void }>(), url, "job")
    // @ts-expect-error a function in the result
    green(of<{ job: () => ReadonlyArray<() => void> }>(), url, "job")
    // @ts-expect-error a symbol in the result
    green(of<{ job: () => { readonly a: symbol } }>(), url, "job")
  })
})

describe("layers", () => {
  type PayloadHandlers = Rpc.ToHandler<RpcGroup.Rpcs<typeof PayloadOps>>

  it("require the handlers of the group, and its middleware", () => {
    expectTypeOf(GreenWorkers.layer(PayloadOps)).toEqualTypeOf<
      Layer.Layer<GreenWorkers, WorkersOptionError, PayloadHandlers | Allowed>
    >()
    expectTypeOf(InThread.layer(PayloadOps)).toEqualTypeOf<
      Layer.Layer<GreenWorkers, WorkersOptionError, PayloadHandlers | Allowed>
    >()
    expectTypeOf(InThread.run(PayloadOps, () => 1)).toEqualTypeOf<
      Effect.Effect<number, JobError, PayloadHandlers | Allowed>
    >()
    expectTypeOf(InThread.run(PayloadOps, () => 1, { error: NotFound })).toEqualTypeOf<
      Effect.Effect<number, NotFound | JobError, PayloadHandlers | Allowed>
    >()
  })

  it("refuse groups whose schemas need services", () => {
    const group = RpcGroup.make(Rpc.make("Place", { payload: Placed, success: Schema.String }))
    // @ts-expect-error it needs Region
    GreenWorkers.layer(group)
    // @ts-expect-error it needs Region
    InThread.layer(group)
    // @ts-expect-error it needs Region
    perform(group)
  })
})

describe("perform", () => {
  const ops = perform(PayloadOps)
  const streams = perform(StreamOps)

  it("takes the payload as it is made, and gives the value", () => {
    expectTypeOf(ops.Get).returns.toEqualTypeOf<string>()
    expectTypeOf(ops.Page)
      .parameter(0)
      .toEqualTypeOf<{ readonly title: string; readonly size?: number; readonly tags?: ReadonlyArray<string> }>()
    // @ts-expect-error no key
    expectTypeOf(ops.Get).toBeCallableWith({})
    // @ts-expect-error no payload
    expectTypeOf(ops.Get).toBeCallableWith()
  })

  it("needs no payload where there is none", () => {
    expectTypeOf(ops.Now).returns.toEqualTypeOf<Date>()
    expectTypeOf(ops.Now).toBeCallableWith()
    expectTypeOf(ops.Now).toBeCallableWith(undefined, { timeout: "1 second" })
    expectTypeOf(ops.Nothing).returns.toEqualTypeOf<void>()
    // @ts-expect-error it has none
    expectTypeOf(ops.Now).toBeCallableWith({ key: "a" })
    // @ts-expect-error it has no operation of that name
    void ops.Elsewhere
  })

  it("gives a generator for a stream", () => {
    expectTypeOf(streams.Count).returns.toEqualTypeOf<Generator<number, void, undefined>>()
    expectTypeOf(streams.Dates).returns.toEqualTypeOf<Generator<Date, void, undefined>>()
    expectTypeOf(streams.Events).returns.toEqualTypeOf<ReadonlyArray<string>>()
  })
})
